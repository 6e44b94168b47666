"""A camera that runs in real time from start to end, whether or not somebody watches.

It knows nothing of RTSP: whoever watches is a `Viewer`.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .bitstream import AccessUnit
    from .feeds import Feed
    from .spec import CameraSpec

log = logging.getLogger(__name__)

_START_SECONDS = 30.0


class Viewer(Protocol):
    """One client's stream. Times are seconds of the monotonic clock; nothing from before `since` is wanted."""

    @property
    def since(self) -> float:
        """When the stream began."""

    def video(self, data: bytes, due: float) -> None:
        """Take one frame that is shown at `due`."""

    def audio(self, data: bytes, due: float) -> None:
        """Take one audio frame that sounds at `due`."""

    def step_clock(self, seconds: float) -> None:
        """Report times that are off by `seconds` from now on."""


@dataclass(slots=True)
class _Seat:
    viewer: Viewer
    waits_for_keyframe: bool = True


class Camera:
    """Stamps every frame with an ever-growing counter and hands it to everybody who watches."""

    def __init__(self, spec: CameraSpec, feed: Feed) -> None:
        self.spec = spec
        self.feed = feed
        self._lock = threading.Lock()
        self._seats: list[_Seat] = []
        self._counter = 0
        self._muted = False
        self._clock_offset = 0.0
        self._last_keyframe: AccessUnit | None = None
        self._last_audio = b""
        self._started = threading.Event()

    def start(self) -> None:
        """Begin to run; returns once there is something to show. Raises TimeoutError if nothing comes."""
        self.feed.start(self)
        if not self._started.wait(_START_SECONDS):
            raise TimeoutError(f"{self.spec.path}: no frame came from ffmpeg within {_START_SECONDS:g} s")

    def samples(self) -> tuple[AccessUnit, bytes]:
        """Return the last keyframe and an audio frame, from which a session description can be made."""
        with self._lock:
            if self._last_keyframe is None:
                raise RuntimeError("the camera has not started")
            return self._last_keyframe, self._last_audio

    def join(self, viewer: Viewer) -> None:
        """Send to `viewer` from now on: audio at once, video from the next keyframe."""
        with self._lock:
            if self.spec.keyframes == "only_first" and not self._seats:
                self.feed.restart()
            if self._clock_offset:
                viewer.step_clock(self._clock_offset)
            self._seats.append(_Seat(viewer))

    def leave(self, viewer: Viewer) -> None:
        """Send no more to `viewer`; does nothing if it is not there."""
        with self._lock:
            self._seats = [seat for seat in self._seats if seat.viewer is not viewer]

    def mute(self) -> None:
        """Send nothing more, while sessions stay open and frames are counted on."""
        with self._lock:
            self._muted = True

    def unmute(self) -> None:
        """Send again, video from the next keyframe."""
        with self._lock:
            self._muted = False
            for seat in self._seats:
                seat.waits_for_keyframe = True

    def step_clock(self, seconds: float) -> None:
        """Step the clock that sender reports tell; `seconds` adds to earlier steps."""
        with self._lock:
            self._clock_offset += seconds
            for seat in self._seats:
                seat.viewer.step_clock(self._clock_offset)

    def on_video(self, unit: AccessUnit, sent: float, shown: float) -> None:
        """Take the feed's next frame; `sent` and `shown` are its coding and presentation times."""
        with self._lock:
            data = unit.stamped(self.spec.video, self._counter, time.time_ns() // 1_000_000)
            self._counter += 1
            if unit.keyframe:
                self._last_keyframe = unit
            for seat in () if self._muted else self._seats:
                if unit.keyframe and sent >= seat.viewer.since:
                    seat.waits_for_keyframe = False
                if not seat.waits_for_keyframe:
                    seat.viewer.video(data, shown)
        self._settle()

    def on_audio(self, frame: bytes, due: float) -> None:
        """Take the feed's next audio frame."""
        with self._lock:
            self._last_audio = frame
            for seat in () if self._muted else self._seats:
                if due >= seat.viewer.since:
                    seat.viewer.audio(frame, due)
        self._settle()

    def _settle(self) -> None:
        if not self._started.is_set() and self._last_keyframe and (self._last_audio or self.spec.audio == "none"):
            log.info("%s runs", self.spec.path)
            self._started.set()
