"""Where a camera's frames come from: loops that were encoded once, or an ffmpeg that encodes a clock right now."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from . import sound
from .bitstream import AccessUnit, VideoSplitter, presentation_delays
from .encoder import live_command

if TYPE_CHECKING:
    from .camera import Camera
    from .spec import CameraSpec

log = logging.getLogger(__name__)

_NEVER = float("inf")
_LATE = 1.0  # seconds: more than a busy machine delays us, so the process was stopped
_READ_BYTES = 1 << 16


class Feed(Protocol):
    """What drives a camera. `sound` describes the audio once the camera runs."""

    sound: sound.Splitter

    def start(self, camera: Camera) -> None:
        """Hand frames to `camera` as they fall due, from threads of its own."""

    def stop(self) -> None:
        """End threads and children."""

    def restart(self) -> None:
        """Go back to a keyframe now, if the feed can."""

    def switch(self, video: str) -> None:
        """Go on with the video loop in the file `video`; raises ValueError if the feed cannot."""


class LoopFeed:
    """Plays an encoded loop of video and one of audio, each for itself, for ever."""

    def __init__(self, spec: CameraSpec, encoded: dict[str, str]) -> None:
        self._spec = spec
        self._stop = threading.Event()
        self.sound = sound.splitter(spec.audio)
        self._audio = self.sound.feed(Path(encoded["audio"]).read_bytes()) if spec.audio != "none" else []
        self._loop: list[tuple[AccessUnit, int]] = []
        self._next: list[tuple[AccessUnit, int]] | None = self._load(encoded["video"])
        self._first = self._next
        self._place = 0

    def start(self, camera: Camera) -> None:
        """See `Feed`."""
        threading.Thread(target=self._run, args=(camera,), name=f"loop {self._spec.path}", daemon=True).start()

    def stop(self) -> None:
        """See `Feed`."""
        self._stop.set()

    def restart(self) -> None:
        """See `Feed`."""
        self._next = self._first

    def switch(self, video: str) -> None:
        """See `Feed`."""
        self._next = self._first = self._load(video)

    def _load(self, path: str) -> list[tuple[AccessUnit, int]]:
        splitter = VideoSplitter(self._spec.video)
        units = splitter.feed(Path(path).read_bytes()) + splitter.flush()
        if not units or not units[0].keyframe:
            raise ValueError(f"not a loop that starts with a keyframe: {path}")
        return list(zip(units, presentation_delays(units), strict=True))

    def _run(self, camera: Camera) -> None:
        start = time.monotonic()
        frame = 1 / self._spec.fps
        audio_frame = sound.frame_seconds(self._spec.audio, self.sound.rate) if self._audio else _NEVER
        sent, heard = 0, 0
        while True:
            video_due = start + sent * frame
            audio_due = start + heard * audio_frame if self._audio else _NEVER
            due = min(video_due, audio_due)
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            late = time.monotonic() - due
            if late > _LATE:
                # Whoever stopped this process wanted a camera that hangs; it does not send the past afterwards.
                log.warning("%s hung for %.1f s", self._spec.path, late)
                start += late
            elif audio_due < video_due:
                camera.on_audio(self._audio[heard % len(self._audio)], audio_due)
                heard += 1
            else:
                unit, delay = self._take()
                camera.on_video(unit, video_due, video_due + delay * frame)
                sent += 1

    def _take(self) -> tuple[AccessUnit, int]:
        following, self._next = self._next, None
        if following is not None:
            self._loop, self._place = following, 0
        taken = self._loop[self._place]
        self._place += 1
        if self._place == len(self._loop):
            self._place = 1 if self._spec.keyframes == "only_first" else 0
        return taken


class LiveFeed:
    """Reads what an ffmpeg encodes in real time: a test picture with a clock, and a tone that beeps each second."""

    def __init__(self, spec: CameraSpec) -> None:
        self._spec = spec
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._start: float | None = None
        self.sound = sound.splitter(spec.audio)

    def start(self, camera: Camera) -> None:
        """See `Feed`."""
        with_audio = self._spec.audio != "none"
        audio_read, audio_write = os.pipe() if with_audio else (-1, -1)
        self._process = subprocess.Popen(
            live_command(self._spec, audio_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=(audio_write,) if with_audio else (),
            env={**os.environ, "TZ": "UTC"},
        )
        if with_audio:
            os.close(audio_write)
            threading.Thread(target=self._read_audio, args=(camera, audio_read), daemon=True).start()
        threading.Thread(target=self._read_video, args=(camera, self._process), daemon=True).start()

    def stop(self) -> None:
        """See `Feed`."""
        self._stopping = True
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """See `Feed`: a running encoder makes its keyframes when it will."""

    def switch(self, video: str) -> None:
        """See `Feed`."""
        raise ValueError(f"a camera with a live clock cannot switch to {video}")

    def _due(self, number: int, seconds: float) -> float:
        # Picture and sound leave the encoder together, so whichever comes first starts the time line of both.
        if self._start is None:
            self._start = time.monotonic()
        return self._start + number * seconds

    def _read_video(self, camera: Camera, process: subprocess.Popen[bytes]) -> None:
        splitter = VideoSplitter(self._spec.video)
        numbers = count()
        assert process.stdout is not None  # noqa: S101 - it was asked for
        while data := os.read(process.stdout.fileno(), _READ_BYTES):
            for unit in splitter.feed(data):
                due = self._due(next(numbers), 1 / self._spec.fps)
                camera.on_video(unit, due, due)
        if not self._stopping:
            log.error("%s: the encoder ended with %s", self._spec.path, process.wait())

    def _read_audio(self, camera: Camera, descriptor: int) -> None:
        numbers = count()
        with os.fdopen(descriptor, "rb", buffering=0) as pipe:
            while data := pipe.read(_READ_BYTES):
                for frame in self.sound.feed(data):
                    seconds = sound.frame_seconds(self._spec.audio, self.sound.rate)
                    camera.on_audio(frame, self._due(next(numbers), seconds))
