"""Record and upload in the foreground: the very processes the units run, without systemd.

Example: camera-backup run --config config.yaml
"""

import argparse
import sys
from pathlib import Path

from camera_backup import logs
from camera_backup.clock import Clock, Stop, SystemClock
from camera_backup.config.file import DEFAULT_PATH, load
from camera_backup.config.models import Config
from camera_backup.durations import seconds
from camera_backup.errors import SpoolError, StorageError
from camera_backup.logs import Log
from camera_backup.processes import processes
from camera_backup.service import stop_on_signals
from camera_backup.spool.mark import check_mounted, mark_spool
from camera_backup.status.status import status
from camera_backup.supervisor import Supervisor

PATIENCE = 60.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument(
        "--for",
        type=seconds,
        metavar="TIME",
        dest="time",
        help="record this long (30s, 5m), upload all of it, then end",
    )


def run(arguments: argparse.Namespace) -> int:
    """Supervise until stopped, or until the time is over and everything is uploaded."""
    config = load(arguments.config)
    wanted = processes(config)
    make_folders(config)
    logs.setup()
    clock, log = SystemClock(), Log("run")
    with stop_on_signals() as stop:
        supervisor = Supervisor(wanted, clock, log, sys.stdout)
        try:
            if arguments.time is None:
                supervisor.run(stop)
                return 0
            supervisor.run(stop, until=clock.monotonic() + arguments.time)
            supervisor.end("recorder")
            return _drain(supervisor, config, clock, stop)
        finally:
            supervisor.end("recorder")
            supervisor.end()


def make_folders(config: Config) -> None:
    """Make the folders that `install` and `generate` make on a server, and mark the spool."""
    spool = Path(config.storage.local_path)
    check_mounted(spool)
    names = [name for camera in config.cameras for name in camera.lanes]
    for folder in (Path(config.storage.state_path), spool, *(spool / name for name in names)):
        try:
            folder.mkdir(mode=0o770, parents=True, exist_ok=True)
        except OSError as error:
            raise SpoolError(
                error.strerror or str(error),
                operation="create",
                subject=str(folder),
                hint="set storage.local_path and storage.state_path to folders of yours, or run this as root",
            ) from error
    mark_spool(spool)


def _drain(supervisor: Supervisor, config: Config, clock: Clock, stop: Stop) -> int:
    """Let the uploader work until nothing waits, or until nothing has moved for a minute; return the exit code."""
    waiting, moved = -1, clock.monotonic()
    while not stop.is_set():
        left = sum(camera.waiting for camera in status(config, clock.now()))
        if not left:
            return 0
        if left != waiting:
            waiting, moved = left, clock.monotonic()
        if clock.monotonic() - moved > PATIENCE + config.upload.safety_age:
            raise StorageError(f"{left} segments still wait", hint="the lines above say why; the next run goes on")
        supervisor.run(stop, until=clock.monotonic() + 1)
    return 0
