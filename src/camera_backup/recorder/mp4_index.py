"""Turns a finished fragmented file into an ordinary MP4 without copying a byte of footage.

While it grows, a segment is `ftyp | free | moov | moof mdat | moof mdat | …` and plays at any instant. When it ends,
one `moov` that indexes every sample is put behind it, and then the 16 bytes of `free` become the header of one big
`mdat` over everything in between: players see a plain MP4 and seek in it with a handful of reads. Until those 16
bytes are written the file is still the fragmented one. Standard library only.
"""

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import groupby

from camera_backup.recorder.fmp4 import Fragment, Init, Run
from camera_backup.recorder.mp4_boxes import Box, boxes, find, full_box, make_box

FREE = struct.pack(">I4sQ", 16, b"free", 0)
MOVIE_TIMESCALE = 1000
MAX_TICKS = (1 << 32) - 1


class TrackIndex:
    """All samples of one track, gathered run by run in compact arrays: an hour of footage takes about 4 MB.

    Times are in ticks of the track, offsets from the start of the file in bytes.
    """

    def __init__(self) -> None:
        self.first_time = self.next_time = 0
        self.durations = array("I")
        self.sizes = array("I")
        self.presentation = array("i")
        self.sync = array("I")
        self.chunk_offsets = array("Q")
        self.chunk_counts = array("I")

    def add(self, run: Run, mdat_at: int) -> None:
        """Add a run of the fragment whose `mdat` lies at `mdat_at` in the file."""
        if not self.sizes:
            self.first_time = self.next_time = run.decode_time
        elif run.decode_time != self.next_time:
            self._stretch(run.decode_time - self.next_time)
        count = len(self.sizes)
        self.sync.extend(count + number for number, sync in enumerate(run.sync, 1) if sync)
        self.durations.extend(run.durations)
        self.sizes.extend(run.sizes)
        self.presentation.extend(run.presentation)
        self.chunk_offsets.append(mdat_at + run.offset)
        self.chunk_counts.append(len(run.sizes))
        self.next_time += sum(run.durations)

    def _stretch(self, ticks: int) -> None:
        # A gap or overlap between fragments is told by the last sample's duration: an index has no other place for it.
        ticks = min(max(ticks, -self.durations[-1]), MAX_TICKS - self.durations[-1])
        self.durations[-1] += ticks
        self.next_time += ticks


class Index:
    """Gathers what a segment holds, to close it with."""

    def __init__(self, init: Init) -> None:
        self._init = init
        self._tracks = {number: TrackIndex() for number in init.tracks}

    def add(self, fragment: Fragment, mdat_at: int) -> None:
        """Add a fragment whose `mdat` lies at `mdat_at` in the file."""
        for run in fragment.runs:
            self._tracks[run.track].add(run, mdat_at)

    def duration(self) -> float:
        """Return how long the segment lasts, in seconds."""
        return max(self._end(number) for number in self._tracks) - self._origin()

    def moov(self) -> bytes:
        """Return the movie box that indexes everything added so far; tracks without samples are left out."""
        old = self._init.moov
        movie = find(old, "moov")
        parts = []
        for child in boxes(old, movie.payload, movie.end):
            if child.kind == b"mvhd":
                parts.append(_with_duration(old, child, round(self.duration() * MOVIE_TIMESCALE), 12))
            elif child.kind == b"trak":
                parts.append(self._trak(old, child))
            elif child.kind != b"mvex":
                parts.append(old[child.start : child.end])
        return make_box(b"moov", *parts)

    def _origin(self) -> float:
        """Return where the file's time starts: at zero, or before, where sound came late for its time."""
        starts = (track.first_time / self._init.tracks[number].timescale for number, track in self._tracks.items())
        return min(0.0, *starts)

    def _end(self, number: int) -> float:
        track = self._tracks[number]
        return track.next_time / self._init.tracks[number].timescale if track.sizes else 0.0

    def _trak(self, old: bytes, trak: Box) -> bytes:
        tkhd = find(old, "tkhd", trak)
        (number,) = struct.unpack_from(">I", old, tkhd.payload + (20 if old[tkhd.payload] else 12))
        track, timescale = self._tracks[number], self._init.tracks[number].timescale
        if not track.sizes:
            return b""
        # An index holds no decode times, only durations: where a track starts late, an empty edit says so.
        late = round((track.first_time / timescale - self._origin()) * MOVIE_TIMESCALE)
        length = round((track.next_time - track.first_time) * MOVIE_TIMESCALE / timescale)
        edits = [(late, -1)] if late else []
        edits.append((length, max(0, track.presentation[0])))
        elst = full_box(b"elst", 0, _table(">IiI", [(*edit, 0x10000) for edit in edits]))
        mdia = find(old, "mdia", trak)
        return make_box(
            b"trak",
            _with_duration(old, tkhd, late + length, 16),
            make_box(b"edts", elst),
            _mdia(old, mdia, track),
        )


def _mdia(old: bytes, mdia: Box, track: TrackIndex) -> bytes:
    parts = []
    for child in boxes(old, mdia.payload, mdia.end):
        if child.kind == b"mdhd":
            parts.append(_with_duration(old, child, sum(track.durations), 12))
        elif child.kind == b"minf":
            inner = boxes(old, child.payload, child.end)
            kept = [_stbl(old, part, track) if part.kind == b"stbl" else old[part.start : part.end] for part in inner]
            parts.append(make_box(b"minf", *kept))
        else:
            parts.append(old[child.start : child.end])
    return make_box(b"mdia", *parts)


def _stbl(old: bytes, stbl: Box, track: TrackIndex) -> bytes:
    stsd = find(old, "stsd", stbl)
    parts = [old[stsd.start : stsd.end], full_box(b"stts", 0, _table(">II", _repeats(track.durations)))]
    if any(track.presentation):
        parts.append(full_box(b"ctts", 1, _table(">Ii", _repeats(track.presentation))))
    if len(track.sync) < len(track.sizes):
        parts.append(full_box(b"stss", 0, _column(track.sync)))
    stsc, first = [], 1
    for length, count in _repeats(track.chunk_counts):
        stsc.append((first, count, 1))
        first += length
    parts.append(full_box(b"stsz", 0, struct.pack(">I", 0) + _column(track.sizes)))
    parts.append(full_box(b"stsc", 0, _table(">III", stsc)))
    parts.append(full_box(b"co64", 0, _column(track.chunk_offsets)))
    return make_box(b"stbl", *parts)


def mdat_header(size: int) -> bytes:
    """Return the 16 bytes that make `size` bytes, themselves included, one media data box."""
    return struct.pack(">I4sQ", 1, b"mdat", size)


def _repeats(values: Iterable[int]) -> list[tuple[int, int]]:
    """Return `values` as pairs of how often and what."""
    return [(sum(1 for _ in same), value) for value, same in groupby(values)]


def _table(form: str, rows: Sequence[tuple[int, ...]]) -> bytes:
    return struct.pack(">I", len(rows)) + b"".join(struct.pack(form, *row) for row in rows)


def _column(values: "array[int]") -> bytes:
    """Return a counted table of one column, big-endian."""
    column = values[:]
    if sys.byteorder == "little":
        column.byteswap()
    return struct.pack(">I", len(values)) + column.tobytes()


def _with_duration(old: bytes, header: Box, duration: int, times: int) -> bytes:
    """Return an mvhd, tkhd or mdhd box with its duration set; `times` is where it stands in version 0, less 4."""
    new = bytearray(old[header.start : header.end])
    version_1 = new[8]
    at = 8 + 4 + (times + 8 if version_1 else times)
    struct.pack_into(">Q" if version_1 else ">I", new, at, duration)
    return bytes(new)
