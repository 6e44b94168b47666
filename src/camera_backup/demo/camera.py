"""Starts real RTSP cameras on this machine, for the demo and the tests."""

import dataclasses
import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from camera_backup.demo.loops import loops
from camera_backup.demo.rtsp_camera.spec import CameraSpec
from camera_backup.errors import UnavailableError

__all__ = ["CameraServer", "CameraSpec"]

_PYTHON = "/usr/bin/python3"
_PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
    " gstreamer1.0-plugins-bad gstreamer1.0-rtsp"
)
_PROBE = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('GstApp', '1.0')\n"
    "from gi.repository import Gst, GstApp, GstRtspServer; Gst.init(None)\n"
    "names = 'appsrc rtph264pay rtph265pay rtpmp4gpay rtppcmapay rtppcmupay rtpbin'.split()\n"
    "raise SystemExit(any(Gst.ElementFactory.find(name) is None for name in names))"
)
_HOST = "127.0.0.1"
_READY_SECONDS = 40.0
_ANSWER_SECONDS = 10.0
_STOP_SECONDS = 5.0
_PROBE_SECONDS = 30.0


class CameraServer:
    """An RTSP server that shows one or more cameras, as a child process on 127.0.0.1.

    `folder` takes its log (`camera.log`); `cache` the encoded loops, which many servers may share. With port 0 a
    free port is chosen, and kept when the server is started again. A context manager starts and stops it.
    """

    def __init__(self, specs: Iterable[CameraSpec], folder: Path, *, cache: Path, port: int = 0) -> None:
        self.specs = {spec.path: spec for spec in specs}
        self.port = port
        self.log = folder / "camera.log"
        self._cache = cache
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The server's process id; raises UnavailableError if it does not run."""
        return self._running().pid

    def url(self, path: str, *, with_credentials: bool = True) -> str:
        """Return a camera's URL, its user and password percent-encoded."""
        spec = self.specs[path]
        login = ""
        if with_credentials and spec.user is not None and spec.password is not None:
            login = f"{quote(spec.user, safe='')}:{quote(spec.password, safe='')}@"
        return f"rtsp://{login}{_HOST}:{self.port}/{path}"

    def loops(self, path: str) -> dict[str, Path]:
        """Return the files that a camera plays, by "video" and "audio"; encode those that are missing."""
        return loops(self.specs[path], self._cache)

    def start(self) -> None:
        """Start the server and wait until it listens. After a stop it takes the same port; frames count from 0 again.

        Raises UnavailableError if it cannot run here.
        """
        if self._process is not None and self._process.poll() is None:
            raise RuntimeError("the camera server has been started already")
        cameras = [self._document(spec) for spec in self.specs.values()]
        require_packages()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [_PYTHON, "-m", "rtsp_camera"],
                cwd=Path(__file__).parent,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # a terminal's Ctrl-C is for whoever started us
            )
        self._answers = queue.Queue()
        threading.Thread(target=_listen, args=(self._process, self._answers), daemon=True).start()
        try:
            ready = self._ask({"host": _HOST, "port": self.port, "cameras": cameras}, _READY_SECONDS)
        except UnavailableError:
            self.stop()
            raise
        self.port = int(ready["port"])

    def stop(self) -> None:
        """End the server and its children; sessions break off. Does nothing if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def command(self, path: str, command: str, **values: Any) -> None:
        """Have a camera do something, and wait until it is done.

        `mute`: send nothing more while sessions stay open. `unmute`: send again. `step_clock`, `seconds`: step the
        clock of its sender reports. Raises UnavailableError if the camera refuses.
        """
        self._ask({"path": path, "command": command, **values}, _ANSWER_SECONDS)

    def switch(self, path: str, spec: CameraSpec) -> None:
        """Have a camera go on, in the same sessions, with the picture that `spec` describes."""
        encoded = {name: str(file) for name, file in loops(spec, self._cache).items()}
        self.command(path, "switch", encoded=encoded)

    def _document(self, spec: CameraSpec) -> dict[str, Any]:
        encoded = {} if spec.live_clock else self.loops(spec.path)
        return {**dataclasses.asdict(spec), "encoded": {name: str(file) for name, file in encoded.items()}}

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            raise self._failure("it does not run")
        return self._process

    def _ask(self, document: dict[str, Any], seconds: float) -> dict[str, Any]:
        stdin = self._running().stdin
        if stdin is None:
            raise self._failure("it takes no commands")
        try:
            stdin.write(json.dumps(document) + "\n")
            stdin.flush()
            answer = self._answers.get(timeout=seconds)
        except BrokenPipeError as error:
            raise self._failure("it ended") from error
        except queue.Empty as error:
            raise self._failure(f"no answer within {seconds:g} s") from error
        if "error" in answer:
            raise self._failure(answer["error"])
        return answer

    def _failure(self, message: str) -> UnavailableError:
        hint = f"see {self.log}"
        return UnavailableError(message, operation="camera server", subject=", ".join(self.specs), hint=hint)


def require_packages() -> None:
    """Raise UnavailableError, with the line to type, unless the system's Python can serve RTSP."""
    try:
        found = subprocess.run(
            [_PYTHON, "-c", _PROBE], env=_environment(), capture_output=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _packages_missing() from error
    if found.returncode != 0:
        raise _packages_missing()


def _packages_missing() -> UnavailableError:
    return UnavailableError(
        f"{_PYTHON} cannot serve a camera: Debian packages are missing",
        hint=f"sudo apt-get install --no-install-recommends {_PACKAGES}",
    )


def _environment() -> dict[str, str]:
    # Our own virtual environment's variables would lead the system's Python astray.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GST_", "VIRTUAL_ENV"))}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}


def _listen(process: subprocess.Popen[str], answers: "queue.Queue[dict[str, Any]]") -> None:
    if process.stdout is not None:
        with process.stdout as lines:
            for line in lines:
                answers.put(json.loads(line))
    answers.put({"error": "it ended"})
