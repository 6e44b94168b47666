"""Fragmented MP4 (ISO/IEC 14496-12) as a stream of bytes: taken apart into its init part and its fragments, and back.

Every source hands the recorder such a stream. A fragment's samples are never touched; its header is written anew, so
that it can stand in another file and at another time. Standard library only.
"""

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, groupby

from camera_backup.recorder.mp4_boxes import HEADER, Box, FormatError, boxes, find, full_box, make_box

MAX_BOX = 1 << 30

_NON_SYNC = 0x0001_0000  # sample_is_non_sync_sample
_SYNC_SAMPLE, _OTHER_SAMPLE = 0x0200_0000, 0x0101_0000  # depends on no other; depends on others

# tfhd and trun flags of ISO/IEC 14496-12, 8.8.7 and 8.8.8
_TFHD_BASE_OFFSET, _TFHD_DESCRIPTION, _TFHD_DURATION, _TFHD_SIZE, _TFHD_FLAGS = 0x01, 0x02, 0x08, 0x10, 0x20
_TRUN_OFFSET, _TRUN_FIRST_FLAGS = 0x001, 0x004
_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_CTS = 0x100, 0x200, 0x400, 0x800
_TFHD_BASE_IS_MOOF = 0x02_0000


@dataclass(frozen=True, slots=True)
class Track:
    """A track as the init part declares it; `kind` is `vide` or `soun`, `timescale` in ticks per second."""

    number: int
    kind: bytes
    timescale: int


@dataclass(frozen=True, slots=True)
class Init:
    """The init part: file type and movie boxes as they came, and the tracks they declare."""

    ftyp: bytes
    moov: bytes
    tracks: dict[int, Track]


@dataclass(frozen=True, slots=True)
class Run:
    """Samples of one track that lie one behind the other.

    `decode_time` and the durations are in ticks of the track, `offset` is from the start of the `mdat` box in bytes;
    `durations`, `sizes`, `sync` and `presentation` (presentation less decode time) have one entry a sample.
    """

    track: int
    decode_time: int
    offset: int
    durations: list[int]
    sizes: list[int]
    sync: list[bool]
    presentation: list[int]


@dataclass(frozen=True, slots=True)
class Fragment:
    """Samples, and the `mdat` box that holds them; `mdat_at` is where that box lay in the stream it was read from."""

    runs: tuple[Run, ...]
    mdat: bytes
    mdat_at: int

    def starts_with_keyframe(self, init: Init) -> bool:
        """Tell whether a decoder can start here: the first video sample is a key frame, or there is no video."""
        for run in self.runs:
            if init.tracks[run.track].kind == b"vide":
                return run.sync[0]
        return not any(track.kind == b"vide" for track in init.tracks.values())

    def start(self, init: Init) -> float:
        """Return the decode time of the earliest sample, in seconds of the stream's own time."""
        return min(run.decode_time / init.tracks[run.track].timescale for run in self.runs)

    def duration(self, init: Init) -> float:
        """Return how long the fragment lasts in seconds: its video's duration, else its longest track's."""
        lengths = {run.track: 0.0 for run in self.runs}
        for run in self.runs:
            lengths[run.track] += sum(run.durations) / init.tracks[run.track].timescale
        video = [length for track, length in lengths.items() if init.tracks[track].kind == b"vide"]
        return max(video or lengths.values())

    def moved(self, init: Init, seconds: float) -> "Fragment":
        """Return the fragment with all decode times moved by `-seconds`, which may make them negative."""
        runs = (
            replace(run, decode_time=run.decode_time - round(seconds * init.tracks[run.track].timescale))
            for run in self.runs
        )
        return replace(self, runs=tuple(runs))


class Fmp4Reader:
    """Takes the stream in pieces of any size and gives back what is complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ftyp = b""
        self._moof = b""
        self._consumed = 0
        self.init: Init | None = None

    def feed(self, data: bytes) -> Iterator[Init | Fragment]:
        """Add `data`; yield the parts it completes. Raises FormatError for what is no fragmented MP4."""
        self._buffer += data
        while (size := self._complete()) is not None:
            with memoryview(self._buffer) as view:
                whole = bytes(view[:size])  # one copy, not two
            del self._buffer[:size]
            part = self._take(whole)
            self._consumed += size
            if part is not None:
                yield part

    def _complete(self) -> int | None:
        if len(self._buffer) < HEADER.size:
            return None
        size, kind = HEADER.unpack_from(self._buffer)
        if not 8 <= size <= MAX_BOX or not kind.isalnum():  # noqa: PLR2004 - a header's size
            raise FormatError("the stream is not fragmented MP4")
        return size if len(self._buffer) >= size else None

    def _take(self, whole: bytes) -> Init | Fragment | None:
        kind = whole[4:8]
        if kind == b"ftyp":
            self._ftyp = whole
        elif kind == b"moov":
            self.init = parse_init(self._ftyp, whole)
            return self.init
        elif kind == b"moof":
            self._moof = whole
        elif kind == b"mdat" and self._moof:
            fragment = Fragment(parse_moof(self._moof), whole, self._consumed)
            self._moof = b""
            if self.init is None or any(run.track not in self.init.tracks for run in fragment.runs):
                raise FormatError("footage of a track that nothing declares")
            return fragment
        return None  # mfra, free, … carry no footage


def parse_init(ftyp: bytes, moov: bytes) -> Init:
    """Read the init part; raises FormatError."""
    movie = find(moov, "moov")
    try:
        found = [_parse_track(moov, box) for box in boxes(moov, movie.payload, movie.end) if box.kind == b"trak"]
    except (struct.error, IndexError) as error:
        raise FormatError("the description of a track is cut short") from error
    tracks = {track.number: track for track in found}
    if not ftyp or not tracks:
        raise FormatError("the stream declares no tracks")
    return Init(ftyp, moov, tracks)


def _parse_track(moov: bytes, trak: Box) -> Track:
    tkhd = find(moov, "tkhd", trak).payload
    mdhd = find(moov, "mdia/mdhd", trak).payload
    handler = find(moov, "mdia/hdlr", trak).payload + 8
    # Version 1 of these boxes has creation and modification times of 64 bits each instead of 32.
    (number,) = struct.unpack_from(">I", moov, tkhd + (20 if moov[tkhd] else 12))
    (timescale,) = struct.unpack_from(">I", moov, mdhd + (20 if moov[mdhd] else 12))
    if not timescale:
        raise FormatError("a track has no timescale")
    return Track(number, moov[handler : handler + 4], timescale)


def parse_moof(moof: bytes) -> tuple[Run, ...]:
    """Read the runs of a fragment that its `mdat` follows at once, in file order; raises FormatError."""
    try:
        outer = find(moof, "moof")
        trafs = (box for box in boxes(moof, outer.payload, outer.end) if box.kind == b"traf")
        runs = tuple(run for traf in trafs for run in _parse_traf(moof, traf))
    except (struct.error, IndexError) as error:
        raise FormatError("a fragment's header is cut short") from error
    if not runs:
        raise FormatError("a fragment without samples")
    return runs


def _parse_traf(moof: bytes, traf: Box) -> Iterator[Run]:
    defaults = (0, 0, 0, 0)
    decode_time = 0
    for box in boxes(moof, traf.payload, traf.end):
        if box.kind == b"tfhd":
            defaults = _parse_tfhd(moof, box.payload)
        elif box.kind == b"tfdt":
            (decode_time,) = struct.unpack_from(">Q" if moof[box.payload] else ">I", moof, box.payload + 4)
        elif box.kind == b"trun":
            run = _parse_trun(moof, box, defaults, decode_time)
            decode_time += sum(run.durations)
            if run.sizes:
                yield run


def _parse_tfhd(moof: bytes, at: int) -> tuple[int, int, int, int]:
    (word, number) = struct.unpack_from(">II", moof, at)
    at += 8 + (8 if word & _TFHD_BASE_OFFSET else 0) + (4 if word & _TFHD_DESCRIPTION else 0)
    values = []
    for flag in (_TFHD_DURATION, _TFHD_SIZE, _TFHD_FLAGS):
        values.append(struct.unpack_from(">I", moof, at)[0] if word & flag else 0)
        at += 4 if word & flag else 0
    return (number, *values)


def _parse_trun(moof: bytes, box: Box, defaults: tuple[int, int, int, int], decode_time: int) -> Run:
    number, duration, size, flags = defaults
    word, count = struct.unpack_from(">II", moof, box.payload)
    at = box.payload + 8
    offset = struct.unpack_from(">i", moof, at)[0] if word & _TRUN_OFFSET else 0
    at += 4 if word & _TRUN_OFFSET else 0
    first_flags = struct.unpack_from(">I", moof, at)[0] if word & _TRUN_FIRST_FLAGS else None
    at += 4 if word & _TRUN_FIRST_FLAGS else 0
    fields = [bit for bit in (_TRUN_DURATION, _TRUN_SIZE, _TRUN_FLAGS, _TRUN_CTS) if word & bit]
    table = array("I", moof[at : at + 4 * count * len(fields)])
    if len(table) != count * len(fields):
        raise FormatError("a run's table is cut short")
    if sys.byteorder == "little":
        table.byteswap()

    def column(bit: int, default: int) -> list[int]:
        return list(table[fields.index(bit) :: len(fields)]) if bit in fields else [default] * count

    words = column(_TRUN_FLAGS, flags)
    if first_flags is not None and words:
        words[0] = first_flags
    presentation = [value - (1 << 32) if value >> 31 else value for value in column(_TRUN_CTS, 0)]
    return Run(
        number,
        decode_time,
        offset - len(moof),
        column(_TRUN_DURATION, duration),
        column(_TRUN_SIZE, size),
        [not value & _NON_SYNC for value in words],
        presentation,
    )


def encode(fragment: Fragment, sequence: int) -> tuple[bytes, int]:
    """Return the fragment as bytes, with a header that says what its runs say, and where in them its `mdat` starts.

    A header knows no time below zero; what should lie there lies at zero.
    """
    trafs = [list(runs) for _track, runs in groupby(fragment.runs, key=lambda run: run.track)]
    # The offsets of samples are counted from the header's start, so its size must be known before it is written.
    size = len(_moof(trafs, sequence, 0))
    return _moof(trafs, sequence, size) + fragment.mdat, size


def _moof(trafs: list[list[Run]], sequence: int, size: int) -> bytes:
    parts = [full_box(b"mfhd", 0, struct.pack(">I", sequence))]
    for runs in trafs:
        tfhd = full_box(b"tfhd", 0, struct.pack(">I", runs[0].track), _TFHD_BASE_IS_MOOF)
        tfdt = full_box(b"tfdt", 1, struct.pack(">Q", max(0, runs[0].decode_time)))
        parts.append(make_box(b"traf", tfhd, tfdt, *(_trun(run, size) for run in runs)))
    return make_box(b"moof", *parts)


def _trun(run: Run, size: int) -> bytes:
    flags = [_SYNC_SAMPLE if sync else _OTHER_SAMPLE for sync in run.sync]
    word = _TRUN_OFFSET | _TRUN_DURATION | _TRUN_SIZE | _TRUN_FLAGS
    columns = [run.durations, run.sizes, flags]
    if any(run.presentation):
        word |= _TRUN_CTS
        columns.append([offset & 0xFFFF_FFFF for offset in run.presentation])
    count = len(run.sizes)
    table = struct.pack(f">{count * len(columns)}I", *chain.from_iterable(zip(*columns, strict=True)))
    return full_box(b"trun", 1, struct.pack(">Ii", count, size + run.offset) + table, word)
