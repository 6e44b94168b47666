"""Cuts a stream of fragmented MP4 into segments aligned to the clock, and closes each one properly.

A segment ends at the first key frame after a multiple of the segment duration, counted in UTC from 1970; so every
frame lies in exactly one segment and every segment decodes alone. It also ends where the picture changes, and early
when the file has grown too large. A camera that gives no key frame to cut at is asked for a new stream. Standard
library only.
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
from camera_backup.recorder.parameter_sets import ParameterSets
from camera_backup.recorder.timeline import Timeline
from camera_backup.spool.writer import OpenSegment

QUICKTIME = b"qt  "  # the brand of a file with sound that MP4 does not hold
JITTER = 5.0
LONGEST_GOP = 120.0  # seconds from one key frame to the next; cameras that save bandwidth reach 80
LARGEST_FILE = 4 << 30  # bytes; a store takes at most 5 GiB in one piece
NEARLY = 0.75  # so full, a file is cut at the next key frame


@dataclass(frozen=True, slots=True)
class Recorded:
    """A segment just published, and when its footage starts and ends."""

    segment: Segment
    start: datetime
    end: datetime


class Segmenter:
    """Takes one stream, from its init part to its end; `on_segment` hears of every segment published."""

    def __init__(  # noqa: PLR0913 - the last two are for those who know better
        self,
        camera: CameraName,
        folder: Path,
        segment_duration: float,
        clock: Clock,
        on_segment: Callable[[Recorded], None],
        *,
        largest_file: int = LARGEST_FILE,
        longest_gop: float = LONGEST_GOP,
        unsynced: Callable[[], bool] = lambda: False,
    ) -> None:
        self._camera = camera
        self._folder = folder
        self._segment_duration = segment_duration
        self._clock = clock
        self._on_segment = on_segment
        self._largest_file = largest_file
        self._longest_gop = longest_gop
        self._key_time = 0.0  # of the last key frame, in seconds of the stream's own time
        self._unsynced = unsynced
        self._reader = Fmp4Reader()
        self._init: Init | None = None
        self._timeline: Timeline | None = None
        self._sets: ParameterSets | None = None
        self._open: SegmentFile | None = None
        self._last_start = datetime.min.replace(tzinfo=UTC)

    @property
    def start(self) -> datetime | None:
        """When the open segment's footage starts; None while no segment is open."""
        return self._open.start if self._open else None

    def feed(self, data: bytes) -> bool:
        """Take more of the stream; tell whether footage came of it.

        Raises SourceError for garbage, or if there is no key frame to cut at; SpoolError.
        """
        grown = False
        try:
            for part in self._reader.feed(data):
                if isinstance(part, Init):
                    self._init, self._timeline, self._sets = part, Timeline(part), ParameterSets(part)
                elif self._timeline is not None:
                    grown |= self._add_all(self._timeline.take(part, self._clock.monotonic()))
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
        if keyframe:
            self._key_time = fragment.start(init)
            self._cut(fragment, start)
        if self._open is None:
            if not keyframe or self._sets is None:
                return False  # nothing could decode it
            suffix = ".mov" if init.ftyp[8:12] == QUICKTIME else ".mp4"
            file = OpenSegment(self._camera, self._folder, start, suffix, unsynced=self._unsynced())
            self._open = SegmentFile(file, self._sets.init, start, fragment.start(init))
        elif not keyframe:
            self._bound(self._open, start, fragment.start(init) - self._key_time)
        self._open.add(fragment)
        return True

    def _cut(self, fragment: Fragment, start: datetime) -> None:
        """End the open segment before this key frame if it is time, its picture is another, or the file is large."""
        changed = self._sets is not None and self._sets.see(fragment)
        if self._open is None:
            return
        large = self._open.size > NEARLY * self._largest_file
        if changed or large or self._is_due(self._open, start):
            self._close()

    def _bound(self, segment: "SegmentFile", start: datetime, since_key: float) -> None:
        """Ask for a new stream, which starts with a key frame, if the open segment should end but cannot."""
        overdue = self._is_due(segment, start) and since_key > self._longest_gop
        if overdue or segment.size > self._largest_file:
            raise SourceError(
                f"no key frame for {since_key:.0f} s to start the next segment with",
                cause="no-keyframe",
                subject=self._camera,
                hint="have the camera send key frames (GOP, I-frame interval) every few seconds",
            )

    def _is_due(self, segment: "SegmentFile", start: datetime) -> bool:
        """Tell whether what starts at `start` belongs to another segment than the open one."""
        return self._slot(start) != self._slot(segment.start)

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

    @property
    def size(self) -> int:
        """The bytes written so far."""
        return self._file.size

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
