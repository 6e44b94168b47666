"""Cuts a stream of fragmented MP4 into segments aligned to the clock, and closes each one properly.

A segment ends at the first key frame after a multiple of the segment duration, counted in UTC from 1970; so every
frame lies in exactly one segment and every segment decodes alone. Standard library only.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from camera_backup.clock import Clock
from camera_backup.errors import SourceError, SpoolError
from camera_backup.model import CameraName, Segment
from camera_backup.recorder.fmp4 import Fmp4Reader, Fragment, Init, encode
from camera_backup.recorder.mp4_boxes import FormatError
from camera_backup.recorder.mp4_index import FREE, Index, mdat_header
from camera_backup.recorder.timeline import Timeline
from camera_backup.spool.writer import OpenSegment

JITTER = 5.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A segment just published, and when its footage starts and ends."""

    segment: Segment
    start: datetime
    end: datetime


class Segmenter:
    """Takes one stream, from its init part to its end; `on_segment` hears of every segment published."""

    def __init__(  # noqa: PLR0913 - what it works with, handed in once
        self,
        camera: CameraName,
        folder: Path,
        segment_duration: float,
        clock: Clock,
        on_segment: Callable[[Recorded], None],
        *,
        unsynced: Callable[[], bool] = lambda: False,
    ) -> None:
        self._camera = camera
        self._folder = folder
        self._segment_duration = segment_duration
        self._clock = clock
        self._on_segment = on_segment
        self._unsynced = unsynced
        self._reader = Fmp4Reader()
        self._init: Init | None = None
        self._timeline: Timeline | None = None
        self._open: SegmentFile | None = None
        self._last_start = datetime.min.replace(tzinfo=UTC)

    @property
    def start(self) -> datetime | None:
        """When the open segment's footage starts; None while no segment is open."""
        return self._open.start if self._open else None

    def feed(self, data: bytes) -> bool:
        """Take more of the stream; tell whether footage came of it. Raises SourceError for garbage, SpoolError."""
        grown = False
        try:
            for part in self._reader.feed(data):
                if isinstance(part, Init):
                    self._init, self._timeline = part, Timeline(part)
                elif self._timeline is not None:
                    grown |= self._add_all(self._timeline.take(part))
        except FormatError as error:
            raise SourceError(str(error), cause="garbage", subject=self._camera) from error
        return grown

    def sync(self) -> None:
        """Make what has been recorded so far survive a power cut."""
        if self._open is not None:
            self._open.sync()

    def finish(self) -> None:
        """Close and publish the open segment: the stream has ended."""
        if self._timeline is not None:
            self._add_all(self._timeline.rest())
        self._close()

    def _close(self) -> None:
        if self._open is not None:
            ending, self._open = self._open, None
            self._on_segment(ending.close())

    def _add_all(self, fragments: list[Fragment]) -> bool:
        """Write fragments that are ready; tell whether footage came of it."""
        if self._init is None or not fragments:
            return False
        # A fragment is handed over as soon as its last frame is here.
        start = self._clock.now() - timedelta(seconds=sum(fragment.duration(self._init) for fragment in fragments))
        written = False
        for fragment in fragments:
            written |= self._add(fragment, self._init, start)
            start += timedelta(seconds=fragment.duration(self._init))
        return written

    def _add(self, fragment: Fragment, init: Init, start: datetime) -> bool:
        keyframe = fragment.starts_with_keyframe(init)
        # Jitter must not run backwards over a boundary; a step of the clock is followed.
        if 0 < (self._last_start - start).total_seconds() < JITTER:
            start = self._last_start
        self._last_start = start
        if self._open is not None and keyframe and self._slot(start) != self._slot(self._open.start):
            self._close()
        if self._open is None:
            if not keyframe:
                return False  # nothing could decode it
            file = OpenSegment(self._camera, self._folder, start, ".mp4", unsynced=self._unsynced())
            self._open = SegmentFile(file, init, start, fragment.start(init))
        self._open.add(fragment)
        return True

    def _slot(self, moment: datetime) -> int:
        return math.floor(moment.timestamp() / self._segment_duration)


class SegmentFile:
    """One segment being written: `ftyp | free | moov | fragments`, and at the end the index (see `mp4_index`)."""

    def __init__(self, file: OpenSegment, init: Init, start: datetime, base: float) -> None:
        self.start = start
        self._init = init
        self._base = base
        self._index = Index(init)
        self._fragments = 0
        self._file = file
        self._head = init.ftyp + FREE + init.moov

    def add(self, fragment: Fragment) -> None:
        """Write a fragment; head and first fragment go out as one, so that no file without footage is left behind."""
        moved = fragment.moved(self._init, self._base)
        self._fragments += 1
        data, mdat_at = encode(moved, self._fragments)
        offset = self._file.size + len(self._head)
        self._file.write(self._head + data)
        self._head = b""
        self._index.add(moved, offset + mdat_at)

    def sync(self) -> None:
        """Make what is written survive a power cut."""
        self._file.sync()

    def close(self) -> Recorded:
        """Index the file, make it durable and publish it."""
        size = self._file.size
        try:
            self._file.write(self._index.moov())
            self._file.sync()
            free = len(self._init.ftyp)
            self._file.overwrite(free, mdat_header(size - free))
        except SpoolError:
            # No room for the index: what is there is a fragmented file that plays; its footage counts, not its form.
            self._file.sync()
        segment = self._file.publish()
        return Recorded(segment, self.start, self.start + timedelta(seconds=self._index.duration()))
