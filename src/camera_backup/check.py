"""Tries everything once, the way production would: ffmpeg, disk, every camera, the bucket."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from camera_backup.bucket.bucket import S3Bucket
from camera_backup.config.models import Config
from camera_backup.errors import CameraBackupError, SpoolError, UnavailableError
from camera_backup.processes import Process, processes
from camera_backup.settings import RecorderSettings, UploaderSettings
from camera_backup.sources.rtsp_describe import describe
from camera_backup.spool.mark import check_mounted
from camera_backup.spool.room import size_text

CAMERA_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What was tried, what came of it in words, and the error if it failed."""

    subject: str
    message: str
    error: CameraBackupError | None = None


def check(config: Config) -> Iterator[Finding]:
    """Try everything, yielding each finding as it comes; nothing but a canary object is written anywhere."""
    wanted = processes(config)
    recorders = [process for process in wanted if process.kind == "recorder"]
    yield _try("ffmpeg", lambda: _ffmpeg("ffmpeg"))
    yield _try("disk", lambda: _disk(Path(config.storage.local_path), config.storage.min_free))
    with ThreadPoolExecutor(max_workers=8) as pool:
        yield from pool.map(_camera, recorders)
    for process in wanted:
        if isinstance(process.settings, UploaderSettings):
            yield _try(f"bucket {process.settings.bucket}", partial(_bucket, process.settings))


def _try(subject: str, action: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, action())
    except CameraBackupError as error:
        return Finding(subject, str(error), error)


def _ffmpeg(program: str) -> str:
    try:
        answer = subprocess.run([program, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UnavailableError("ffmpeg cannot be started", hint="apt install ffmpeg") from error
    return " ".join(answer.stdout.split()[:3])


def _disk(spool: Path, min_free: int) -> str:
    folder = spool
    while not folder.exists():
        folder = folder.parent
    if folder != spool:
        raise SpoolError("the spool is not there", subject=str(spool), hint="run camera-backup-install")
    check_mounted(spool)
    try:
        with tempfile.TemporaryFile(dir=spool, prefix=".check-") as probe:
            probe.write(b"camera-backup")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise SpoolError(
            error.strerror or str(error), operation="write", subject=str(spool), hint="run this as root"
        ) from error
    free = shutil.disk_usage(spool).free
    if free < min_free:
        told = f"only {size_text(free)} are free, so nothing is recorded: storage.min_free is {size_text(min_free)}"
        raise SpoolError(told, cause="disk-full", subject=str(spool), hint="free some disk space")
    return f"{spool} is writable, {size_text(free)} free"


def _camera(process: Process) -> Finding:
    settings = process.settings
    if not isinstance(settings, RecorderSettings):
        raise TypeError("a recorder's process carries recorder's settings")

    def ask() -> str:
        found = describe(settings.url, CAMERA_PATIENCE)
        return f"sends {found.video} video and {found.audio or 'no'} audio"

    return _try(f"camera {settings.camera}", ask)


def _bucket(settings: UploaderSettings) -> str:
    capabilities = S3Bucket.connect(settings).probe()
    verified = "checksum" if capabilities.checksum else "size and ETag"
    overwrite = "refused by the store" if capabilities.conditional_put else "avoided by asking first"
    return f"takes and shows objects; uploads are verified by {verified}, overwriting is {overwrite}"
