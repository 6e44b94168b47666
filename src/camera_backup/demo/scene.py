"""The stage of the demo: cameras, a bucket, a generated config, and `camera-backup run` on it."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from camera_backup.demo.camera import CameraServer, CameraSpec
from camera_backup.demo.store import Store

BUCKET = "camera-backups"
PASSWORD = "demo@home"  # noqa: S105 - shown on purpose: it opens nothing but this demo
CAMERAS = (
    CameraSpec(path="front-door", audio="aac", fps=15, live_clock=True, user="demo", password=PASSWORD),
    CameraSpec(path="garage", audio="pcma", fps=15, live_clock=True, user="demo", password=PASSWORD),
)


class Scene:
    """Everything the demo starts, in `folder`; leaving it stops everything again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.yaml"
        self.log = folder / "run.log"
        self.spool = folder / "segments"
        self.cameras = CameraServer(CAMERAS, folder, cache=folder / "media")
        self.store = Store(folder / "store")
        self._stack = ExitStack()
        self._run: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._stack as building:
            building.enter_context(self.cameras)
            building.enter_context(self.store)
            self.store.create_bucket(BUCKET)
            self._write_config()
            self._stack = building.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._stack.__exit__(kind, error, trace)

    def start(self, seconds: float | None) -> None:
        """Start `camera-backup run`, for so many seconds or until `stop`."""
        command = [sys.executable, "-m", "camera_backup", "run", "--config", str(self.config)]
        if seconds is not None:
            command += ["--for", f"{seconds:g}s"]
        with self.log.open("ab") as log:
            self._run = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def running(self) -> bool:
        """Tell whether `camera-backup run` still runs."""
        return self._run is not None and self._run.poll() is None

    def stop(self) -> int:
        """Stop `camera-backup run` if it still runs, and return its exit code."""
        if self._run is None:
            return 0
        if self._run.poll() is None:
            self._run.send_signal(signal.SIGTERM)
        return self._run.wait()

    def published(self) -> dict[str, int]:
        """Return how many segments each recorder says it has published."""
        counts = {spec.path: 0 for spec in CAMERAS}
        for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
            for path in counts:
                counts[path] += "segment published" in line and f"camera={path} " in line
        return counts

    def _write_config(self) -> None:
        config = {
            "storage": {"local_path": str(self.spool), "state_path": str(self.folder / "state")},
            "s3": {
                "endpoint": self.store.endpoint,
                "bucket": BUCKET,
                "access_key_id": self.store.uploader[0],
                "secret_access_key": self.store.uploader[1],
            },
            "cameras": [{"name": spec.path, "rtsp_url": self.cameras.url(spec.path)} for spec in CAMERAS],
            "recording": {"segment_duration": 5},
            "upload": {"check_interval": 5, "safety_age": 1},
        }
        descriptor = os.open(self.config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            yaml.safe_dump(config, out, sort_keys=False)
