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
TICK = 1.0
STOP_PATIENCE = 1.0
HELD_MEMORY = 4 << 20


class RtspSource:
    """The camera that the settings name."""

    def __init__(self, settings: RecorderSettings, clock: Clock, log: Log) -> None:
        self._settings = settings
        self._clock = clock
        self._log = log
        self._secrets = url_secrets(settings.url)
        _keep_freed_memory()

    def run(self, sink: Callable[[bytes], None], idle: Callable[[], None], stop: Stop) -> None:
        """See `sources.Source`."""
        description = describe(self._settings.url, self._settings.stall_timeout)
        self._log.info("camera answers", video=description.video, audio=description.audio or "none")
        program, wish = self._settings.ffmpeg, self._settings.audio
        child = self._start(ffmpeg.arguments(program, description.video, description.audio, wish))
        complaints: deque[str] = deque(maxlen=20)
        try:
            self._pump(Ending(child, self._clock), sink, idle, stop, complaints)
        finally:
            child.kill()
            child.wait()
        if not stop.is_set():
            cause = ffmpeg.cause_of("\n".join(complaints)) or "ended"
            last = complaints[-1] if complaints else "the camera closed the connection"
            raise SourceError(f"the stream ended: {last}", cause=cause)

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
            listing.write(ffmpeg.input_list(self._settings.url, self._settings.stall_timeout).encode())
        return child

    def _pump(
        self,
        ending: "Ending",
        sink: Callable[[bytes], None],
        idle: Callable[[], None],
        stop: Stop,
        complaints: deque[str],
    ) -> None:
        """Pass on footage and complaints until ffmpeg closes its output, which it is asked to on a stop or a stall."""
        footage, words = _pipe(ending.child.stdout), _pipe(ending.child.stderr)
        last_data = last_tick = self._clock.monotonic()
        stalled = False
        with footage, words, selectors.DefaultSelector() as ready:
            ready.register(footage, selectors.EVENT_READ)
            ready.register(words, selectors.EVENT_READ)
            while True:
                for key, _events in ready.select(TICK):
                    data = os.read(key.fd, READ_SIZE)
                    if key.fileobj is words:
                        self._hear(data, complaints)
                    elif data:
                        last_data = self._clock.monotonic()
                        sink(data)
                    elif stalled:
                        raise SourceError(f"no footage for {self._settings.stall_timeout:.0f} s", cause="stalled")
                    else:
                        return
                    if not data:
                        ready.unregister(key.fileobj)
                now = self._clock.monotonic()
                if now - last_tick >= TICK:
                    last_tick = now
                    idle()
                stalled = stalled or now - last_data > self._settings.stall_timeout
                if stalled or stop.is_set():
                    ending.press()

    def _hear(self, data: bytes, complaints: deque[str]) -> None:
        for line in data.decode("utf-8", "replace").splitlines():
            if line.strip():
                complaints.append(redact(line.strip(), self._secrets))
                self._log.debug("ffmpeg says", words=complaints[-1])


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


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise RuntimeError("the child was started without this pipe")
    return stream
