"""An RTSP or RTSPS camera, read by an ffmpeg child that copies the stream as it is. Standard library only."""

import fcntl
import os
import selectors
import subprocess
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from camera_backup.clock import Clock, Stop
from camera_backup.errors import SourceError, UnavailableError
from camera_backup.logs import Log
from camera_backup.redact import redact, url_secrets
from camera_backup.settings import RecorderSettings
from camera_backup.sources import ffmpeg
from camera_backup.sources.rtsp_describe import describe

PIPE_SIZE = 1 << 20  # footage that waits while the disk is busy: about two seconds at 4 Mbit/s
READ_SIZE = 1 << 18
TICK = 0.75  # a power cut costs at most this, a fragment and the time a sync takes: together less than two seconds
FIRST_PICTURE = 30.0  # seconds; some cameras send a key frame every 10 s or more rarely
STOP_PATIENCE = 1.0
HELD_MEMORY = 4 << 20


class RtspSource:
    """The camera that the settings name."""

    def __init__(self, settings: RecorderSettings, clock: Clock, log: Log) -> None:
        self._settings = settings
        self._clock = clock
        self._log = log
        self._secrets = url_secrets(settings.url)
        self._sound = True
        _keep_freed_memory()

    def run(self, sink: Callable[[bytes], bool], idle: Callable[[], None], stop: Stop) -> None:
        """See `sources.Source`."""
        description = describe(self._settings.url, self._settings.stall_timeout)
        self._log.info("camera answers", video=description.video, audio=description.audio or "none")
        wish = self._settings.audio if self._sound else "off"
        child = self._start(ffmpeg.arguments(self._settings.ffmpeg, description.video, description.audio, wish))
        stream = _Stream(child, self._clock, self._settings.stall_timeout, self._hear)
        try:
            stream.pump(sink, idle, stop)
        finally:
            child.kill()
            child.wait()
        if not stop.is_set():
            raise self._ended(stream)

    def _ended(self, stream: "_Stream") -> SourceError:
        complaints = "\n".join(stream.complaints)
        if self._sound and not stream.footage and ffmpeg.is_about_sound(complaints):
            # No sound is worth a picture.
            self._sound = False
            self._log.warning("the sound cannot be recorded, going on without it", words=stream.complaints[-1])
        last = stream.complaints[-1] if stream.complaints else "the camera closed the connection"
        return SourceError(f"the stream ended: {last}", cause=ffmpeg.cause_of(complaints) or "ended")

    def _start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        environment = {"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC", "LC_ALL": "C"}
        pipe = subprocess.PIPE
        try:
            child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, bufsize=0)
        except OSError as error:
            raise UnavailableError(
                "ffmpeg cannot be started", operation="record", subject=command[0], hint="apt install ffmpeg"
            ) from error
        with suppress(OSError):  # all pipes of a user share 64 MB; a small pipe works as well
            fcntl.fcntl(_pipe(child.stdout), fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        with _pipe(child.stdin) as listing:
            listing.write(ffmpeg.input_list(self._settings.url).encode())
        return child

    def _hear(self, line: str) -> str:
        clean = redact(line, self._secrets)
        self._log.debug("ffmpeg says", words=clean)
        return clean


class _Stream:
    """What one ffmpeg hands over, and what it says meanwhile."""

    def __init__(
        self, child: "subprocess.Popen[bytes]", clock: Clock, stall_timeout: float, hear: Callable[[str], str]
    ) -> None:
        self.complaints: deque[str] = deque(maxlen=20)
        self.footage = False
        self._child = child
        self._clock = clock
        self._stall_timeout = stall_timeout
        self._hear = hear
        self._last = clock.monotonic()
        self._stalled: SourceError | None = None

    def pump(self, sink: Callable[[bytes], bool], idle: Callable[[], None], stop: Stop) -> None:
        """Pass on footage until ffmpeg closes its output, which it is asked to on a stop or a stall."""
        ending = Ending(self._child, self._clock)
        next_tick = self._clock.monotonic() + TICK
        with _pipe(self._child.stdout) as output, _pipe(self._child.stderr) as words, _selector(output, words) as ready:
            while output in ready.get_map():
                for key, _events in ready.select(TICK):
                    data = os.read(key.fd, READ_SIZE)
                    if not data:
                        ready.unregister(key.fileobj)
                    elif key.fileobj is output:
                        self._take(sink(data))
                    else:
                        said = [self._hear(line) for line in _lines(data)]
                        self.complaints.extend(line for line in said if not ffmpeg.is_noise(line))
                if self._clock.monotonic() >= next_tick:
                    next_tick = self._clock.monotonic() + TICK
                    idle()
                    self._look()
                if self._stalled or stop.is_set():
                    ending.press()
        if self._stalled:
            raise self._stalled

    def _take(self, grown: bool) -> None:
        if grown:
            self.footage = True
            self._last = self._clock.monotonic()

    def _look(self) -> None:
        """Notice a stream that has stalled; the first picture may take as long as the camera's key frames do."""
        patience = self._stall_timeout if self.footage else max(FIRST_PICTURE, self._stall_timeout)
        if self._stalled or self._clock.monotonic() - self._last <= patience:
            return
        if self.footage:
            self._stalled = SourceError(f"no footage for {patience:.0f} s", cause="stalled")
        else:
            self._stalled = SourceError(f"no picture to start with for {patience:.0f} s", cause="no-keyframe")


class Ending:
    """Ends ffmpeg in steps, so that it still hands over what it has: SIGTERM, once more, then SIGKILL.

    With a camera that has gone silent ffmpeg misses the first SIGTERM.
    """

    def __init__(self, child: "subprocess.Popen[bytes]", clock: Clock) -> None:
        self.child = child
        self._clock = clock
        self._steps = [child.terminate, child.terminate, child.kill]
        self._next_at = float("-inf")

    def press(self) -> None:
        """Take the next step if the last one has had its time."""
        if self._steps and self._clock.monotonic() >= self._next_at:
            self._steps.pop(0)()
            self._next_at = self._clock.monotonic() + STOP_PATIENCE


def _keep_freed_memory() -> None:
    """Have the C library keep the memory of one piece of footage for the next one.

    It raises the size up to which it does so to that of the largest block that was freed (mallopt(3)). Else half of
    this process's time goes into pages that the kernel hands out, clears and takes back. The block is never touched.
    """
    bytes(HELD_MEMORY)


def _selector(*streams: IO[bytes]) -> selectors.DefaultSelector:
    ready = selectors.DefaultSelector()
    for stream in streams:
        ready.register(stream, selectors.EVENT_READ)
    return ready


def _lines(data: bytes) -> list[str]:
    return [line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip()]


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("the child was started without this pipe")
    return stream
