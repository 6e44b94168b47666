"""Follows a camera that changes its picture mid-stream, so that each segment says what is in it. Standard library only.

A decoder needs parameter sets: H.264 has SPS and PPS, H.265 VPS too. The init part holds those of the stream's start;
a camera that is set to another resolution sends new ones in its next key frame.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from camera_backup.recorder.fmp4 import Fragment, Init
from camera_backup.recorder.mp4_boxes import Box, FormatError, boxes, find, full_box, make_box
from camera_backup.recorder.sps import Picture, read_h264, read_h265

_ENTRY = 78  # bytes of a visual sample entry before its boxes; width and height stand at 24
_COMPLETE = 0x80  # array_completeness of hvcC
_HIGH = {100, 110, 122, 144}  # profiles whose avcC tells chroma format and depth


@dataclass(frozen=True, slots=True)
class Codec:
    """How a codec names things: sample entries, configuration box, NAL unit types in the order they are written."""

    entries: tuple[bytes, ...]
    box: bytes
    sets: tuple[int, ...]
    sps: int


H264 = Codec((b"avc1", b"avc3"), b"avcC", (7, 8), 7)
H265 = Codec((b"hvc1", b"hev1"), b"hvcC", (32, 33, 34), 33)

Sets = dict[int, tuple[bytes, ...]]


class ParameterSets:
    """The parameter sets in force; `init` is the init part that a segment which starts now needs."""

    def __init__(self, init: Init) -> None:
        self.init = init
        self._video = next((number for number, track in init.tracks.items() if track.kind == b"vide"), None)
        self._codec: Codec | None = None
        self._length_size = 4
        self._sets: Sets = {}
        try:
            self._read(init)
        except (FormatError, struct.error, IndexError):
            self._codec = None  # a codec that we do not know is recorded as it comes

    def see(self, fragment: Fragment) -> bool:
        """Look at the key frame that a fragment starts with; tell whether the picture has changed."""
        if self._codec is None:
            return False
        sets = self._in_band(fragment, self._codec)
        new = {kind: units for kind, units in sets.items() if any(unit not in self._sets[kind] for unit in units)}
        if not new:
            return False
        merged = {**self._sets, **sets}
        try:
            self.init = _rewritten(self.init, self._codec, merged, self._length_size)
        except (FormatError, ValueError, IndexError, struct.error):
            return False  # the sets are in the key frame all the same
        self._sets = merged
        return self._codec.sps in new

    def _read(self, init: Init) -> None:
        for trak in _video_traks(init):
            entry = _entry(init.moov, trak)
            for codec in (H264, H265):
                if entry.kind in codec.entries:
                    box = _child(init.moov, entry, codec.box)
                    record = init.moov[box.payload : box.end]
                    self._length_size, self._sets = (_parse_avcc if codec is H264 else _parse_hvcc)(record)
                    self._codec = codec

    def _in_band(self, fragment: Fragment, codec: Codec) -> Sets:
        run = next((run for run in fragment.runs if run.track == self._video), None)
        if run is None or run.offset < 0:
            return {}
        found: dict[int, list[bytes]] = {}
        sample = memoryview(fragment.mdat)[run.offset : run.offset + run.sizes[0]]
        at = 0
        while at + self._length_size < len(sample):
            size = int.from_bytes(sample[at : at + self._length_size], "big")
            at += self._length_size
            kind = sample[at] & 31 if codec is H264 else sample[at] >> 1 & 63
            if (1 <= kind <= 5) if codec is H264 else kind < 32:  # noqa: PLR2004 - slices: the sets stand before them
                break
            if kind in codec.sets:
                found.setdefault(kind, []).append(bytes(sample[at : at + size]))
            at += size
        return {kind: tuple(units) for kind, units in found.items()}


def _video_traks(init: Init) -> Iterator[Box]:
    movie = find(init.moov, "moov")
    for box in boxes(init.moov, movie.payload, movie.end):
        if box.kind == b"trak":
            handler = find(init.moov, "mdia/hdlr", box).payload + 8
            if init.moov[handler : handler + 4] == b"vide":
                yield box


def _entry(moov: bytes, trak: Box) -> Box:
    stsd = find(moov, "mdia/minf/stbl/stsd", trak)
    return next(boxes(moov, stsd.payload + 8, stsd.end))


def _child(moov: bytes, entry: Box, kind: bytes) -> Box:
    found = next((box for box in boxes(moov, entry.payload + _ENTRY, entry.end) if box.kind == kind), None)
    if found is None:
        raise FormatError(f"there is no {kind.decode()} box")
    return found


def _units(record: bytes, at: int, count: int) -> tuple[tuple[bytes, ...], int]:
    units = []
    for _ in range(count):
        (size,) = struct.unpack_from(">H", record, at)
        units.append(record[at + 2 : at + 2 + size])
        at += 2 + size
    return tuple(units), at


def _parse_avcc(record: bytes) -> tuple[int, Sets]:
    sps, at = _units(record, 6, record[5] & 31)
    pps, _at = _units(record, at + 1, record[at])
    return (record[4] & 3) + 1, {7: sps, 8: pps}


def _parse_hvcc(record: bytes) -> tuple[int, Sets]:
    sets: Sets = dict.fromkeys(H265.sets, ())
    at = 23
    for _ in range(record[22]):
        kind, count = struct.unpack_from(">BH", record, at)
        units, at = _units(record, at + 3, count)
        sets[kind & 63] = units
    return (record[21] & 3) + 1, sets


def _avcc(sets: Sets, picture: Picture, length_size: int) -> bytes:
    first = sets[7][0]
    record = bytes((1, *first[1:4], 0xFC | length_size - 1, 0xE0 | len(sets[7]))) + _lengths(sets[7])
    record += bytes((len(sets[8]),)) + _lengths(sets[8])
    if first[1] in _HIGH:
        record += bytes((0xFC | picture.chroma, 0xF8 | picture.luma_bits - 8, 0xF8 | picture.chroma_bits - 8, 0))
    return record


def _hvcc(sets: Sets, picture: Picture, length_size: int) -> bytes:
    plain = sets[33][0].replace(b"\0\0\3", b"\0\0")
    layers, nested = (plain[2] >> 1 & 7) + 1, plain[2] & 1
    record = b"\1" + plain[3:15] + b"\xf0\0\xfc"
    record += bytes((0xFC | picture.chroma, 0xF8 | picture.luma_bits - 8, 0xF8 | picture.chroma_bits - 8, 0, 0))
    arrays = [(kind, units) for kind, units in sets.items() if units and kind in H265.sets]
    record += bytes((layers << 3 | nested << 2 | length_size - 1, len(arrays)))
    return record + b"".join(
        struct.pack(">BH", _COMPLETE | kind, len(units)) + _lengths(units) for kind, units in arrays
    )


def _lengths(units: tuple[bytes, ...]) -> bytes:
    return b"".join(struct.pack(">H", len(unit)) + unit for unit in units)


def _rewritten(init: Init, codec: Codec, sets: Sets, length_size: int) -> Init:
    """Return the init part with these parameter sets and their picture size."""
    sps = sets[codec.sps][0]
    picture = read_h264(sps) if codec is H264 else read_h265(sps)
    record = (_avcc if codec is H264 else _hvcc)(sets, picture, length_size)
    trak = next(_video_traks(init))
    entry = _entry(init.moov, trak)
    size = struct.pack(">HH", picture.width, picture.height)
    head = init.moov[entry.payload : entry.payload + _ENTRY]
    # A shape of pixels (pasp) that was the old picture's goes; the parameter sets tell it as well.
    kept = [
        make_box(codec.box, record) if box.kind == codec.box else init.moov[box.start : box.end]
        for box in boxes(init.moov, entry.payload + _ENTRY, entry.end)
        if box.kind != b"pasp"
    ]
    new_entry = make_box(entry.kind, head[:24] + size + head[28:], *kept)
    stsd = find(init.moov, "mdia/minf/stbl/stsd", trak)
    new_stsd = full_box(b"stsd", 0, struct.pack(">I", 1) + new_entry)
    tkhd = find(init.moov, "tkhd", trak)
    shown = struct.pack(">II", picture.width << 16, picture.height << 16)
    new_tkhd = init.moov[tkhd.start : tkhd.end - 8] + shown
    moov = _replaced(init.moov, find(init.moov, "moov"), {tkhd.start: new_tkhd, stsd.start: new_stsd})
    return replace(init, moov=moov)


def _replaced(data: bytes, box: Box, changes: dict[int, bytes]) -> bytes:
    """Return a box with boxes in it, at any depth, replaced; `changes` is by where they start."""
    if box.start in changes:
        return changes[box.start]
    if not any(box.start < start < box.end for start in changes):
        return data[box.start : box.end]
    return make_box(box.kind, *(_replaced(data, child, changes) for child in boxes(data, box.payload, box.end)))
