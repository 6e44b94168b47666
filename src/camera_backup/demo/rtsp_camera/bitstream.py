"""H.264 and H.265 byte streams: cut into access units, each stamped with who it is and when it was sent.

The stamp is an SEI message (user data unregistered) that every recorder copies without looking at it. So frames
that are lost or doubled on the way to the bucket can be counted exactly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

STAMP_UUID = bytes.fromhex("c6a1b0f45d3e4f7a9b82e47d13f5a86c")
STAMP = re.compile(re.escape(STAMP_UUID) + rb"([0-9]{1,12}) ([0-9]{13});")

START_CODE = b"\0\0\0\1"
_NAL = re.compile(rb"\x00\x00\x01")
_DELIMITER = {"h264": re.compile(rb"\x00?\x00\x00\x01\x09"), "h265": re.compile(rb"\x00?\x00\x00\x01\x46\x01")}
_SEI_HEADER = {"h264": b"\x06", "h265": b"\x4e\x01"}
_USER_DATA_UNREGISTERED = 5
_STOP_BIT = b"\x80"
_SLICE_HEADER_BYTES = 16


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded frame as Annex B: `head` is what precedes its first slice (parameter sets), `body` the rest.

    `bidirectional` frames are shown before the frame that was coded in front of them.
    """

    head: bytes
    body: bytes
    keyframe: bool
    bidirectional: bool

    def stamped(self, codec: str, counter: int, wall_ms: int) -> bytes:
        """Return the frame's bytes with the stamp put before its first slice."""
        return self.head + START_CODE + stamp(codec, counter, wall_ms) + self.body


def stamp(codec: str, counter: int, wall_ms: int) -> bytes:
    """Return the SEI that carries a frame's number and wall-clock milliseconds, without a start code.

    Neither the UUID nor ASCII digits hold two zero bytes in a row, so nothing in it needs escaping.
    """
    payload = STAMP_UUID + f"{counter} {wall_ms};".encode("ascii")
    return _SEI_HEADER[codec] + bytes((_USER_DATA_UNREGISTERED, len(payload))) + payload + _STOP_BIT


class VideoSplitter:
    """Cuts a byte stream with access unit delimiters into access units as it comes in."""

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._pending = b""

    def feed(self, data: bytes) -> list[AccessUnit]:
        """Take the next bytes; return the frames that they complete."""
        self._pending += data
        starts = [match.start() for match in _DELIMITER[self._codec].finditer(self._pending)]
        if not starts:
            return []
        units = [parse_access_unit(self._pending[start:end], self._codec) for start, end in pairwise(starts)]
        self._pending = self._pending[starts[-1] :]
        return units

    def flush(self) -> list[AccessUnit]:
        """Return the frame that the end of the stream completes."""
        pending, self._pending = self._pending, b""
        return [parse_access_unit(pending, self._codec)] if pending else []


def parse_access_unit(data: bytes, codec: str) -> AccessUnit:
    """Read one frame's units; the access unit delimiter is left out. Raises ValueError if it has no slice."""
    head: list[bytes] = []
    body: list[bytes] = []
    first_slice = b""
    for unit in split_units(data):
        kind = _kind(unit, codec)
        if not body and _is_slice(kind, codec):
            first_slice = unit
        if first_slice:
            body.append(unit)
        elif kind != (9 if codec == "h264" else 35):
            head.append(unit)
    if not first_slice:
        raise ValueError("an access unit without a slice")
    kind = _kind(first_slice, codec)
    return AccessUnit(
        head=b"".join(START_CODE + unit for unit in head),
        body=b"".join(START_CODE + unit for unit in body),
        keyframe=kind == 5 if codec == "h264" else 16 <= kind <= 23,  # noqa: PLR2004 - IDR; BLA, IDR and CRA
        bidirectional=_is_bidirectional(first_slice, codec),
    )


def split_units(data: bytes) -> list[bytes]:
    """Return the NAL units of an Annex B byte string, without start codes."""
    matches = list(_NAL.finditer(data))
    ends = [match.start() for match in matches[1:]] + [len(data)]
    return [data[match.end() : end].rstrip(b"\0") for match, end in zip(matches, ends, strict=True)]


def presentation_delays(units: list[AccessUnit]) -> list[int]:
    """Return how many frame times after its place in coding order each frame of a loop is shown.

    It holds for streams whose B-frames refer to the frames around them and never to each other.
    """
    if not any(unit.bidirectional for unit in units):
        return [0] * len(units)
    delays: list[int] = []
    for place, unit in enumerate(units):
        following = 0
        while place + following + 1 < len(units) and units[place + following + 1].bidirectional:
            following += 1
        delays.append(0 if unit.bidirectional else following + 1)
    return delays


def _kind(unit: bytes, codec: str) -> int:
    return unit[0] & 0x1F if codec == "h264" else (unit[0] >> 1) & 0x3F


def _is_slice(kind: int, codec: str) -> bool:
    return 1 <= kind <= 5 if codec == "h264" else kind < 32  # noqa: PLR2004 - the standards' ranges


def _is_bidirectional(unit: bytes, codec: str) -> bool:
    bits = _Bits(unit[1 if codec == "h264" else 2 :][:_SLICE_HEADER_BYTES])
    if codec == "h264":
        bits.golomb()  # first_mb_in_slice
        return bits.golomb() % 5 == 1
    bits.skip(1)  # first_slice_segment_in_pic_flag
    if 16 <= _kind(unit, codec) <= 23:  # noqa: PLR2004 - the random access pictures
        bits.skip(1)  # no_output_of_prior_pics_flag
    bits.golomb()  # slice_pic_parameter_set_id
    return bits.golomb() == 0


class _Bits:
    """Reads a slice header's first fields."""

    def __init__(self, data: bytes) -> None:
        self._text = "".join(f"{byte:08b}" for byte in data)
        self._at = 0

    def skip(self, count: int) -> None:
        self._at += count

    def golomb(self) -> int:
        """Read an unsigned Exp-Golomb number."""
        zeros = self._text.index("1", self._at) - self._at
        start = self._at + zeros
        self._at = start + zeros + 1
        return int(self._text[start : self._at], 2) - 1
