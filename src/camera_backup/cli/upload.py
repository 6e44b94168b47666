"""Upload finished segments to the bucket and delete them here once they are proven to be there.

This is what camera-uploader.service runs. By hand:

  camera-backup upload --settings uploader.json --once
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from camera_backup import logs
from camera_backup.catalogue.catalogue import FILE_NAME, Catalogue
from camera_backup.catalogue.schema import sqlite_url
from camera_backup.clock import Stop
from camera_backup.errors import CatalogueError, UnavailableError
from camera_backup.logs import Log
from camera_backup.service import Notifier, stop_on_signals
from camera_backup.settings import UploaderSettings
from camera_backup.single import only_one
from camera_backup.spool.reader import Spool

if TYPE_CHECKING:
    from camera_backup.uploader.uploader import Uploader

LOCK_NAME = "uploader.lock"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("--settings", metavar="FILE", help="the sealed settings (default: those of the unit)")
    parser.add_argument("--once", action="store_true", help="upload what is ready now, then end: 0 if all of it went")


def run(arguments: argparse.Namespace) -> int:
    """Run the uploader; return 0, or 1 if `--once` leaves something behind that was ready."""
    settings = UploaderSettings.load(arguments.settings)
    logs.setup(secrets=(settings.secret_access_key, settings.session_token or ""))
    state = Path(settings.state)
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(error.strerror or str(error), operation="make", subject=str(state)) from error
    with only_one(state / LOCK_NAME, "uploader"), stop_on_signals() as stop:
        # boto3 takes its time to load; a second uploader has been told by now.
        from camera_backup.bucket.bucket import S3Bucket  # noqa: PLC0415 - as said
        from camera_backup.uploader.uploader import Means, Uploader  # noqa: PLC0415 - as said

        notifier = Notifier()
        spool = Spool(Path(settings.spool), Path(settings.mark) if settings.mark else None)
        means = Means(S3Bucket.connect(settings), _catalogue(state / FILE_NAME), spool, notifier=notifier)
        uploader = Uploader(settings, means)
        if arguments.once:
            return _once(uploader, stop)
        from camera_backup.uploader.wakeup import wakeup  # noqa: PLC0415 - not needed for a single pass

        with wakeup(spool.root, uploader.wake):
            notifier.ready()
            uploader.run(stop)
            notifier.stopping()
        return 0


def _once(uploader: "Uploader", stop: Stop) -> int:
    report = uploader.run_once(stop)
    if report.trouble is not None:
        raise report.trouble
    return 1 if report.failed else 0


def _catalogue(path: Path) -> Catalogue:
    """Open the catalogue, or go on without: footage goes off-site all the same, and nothing is deleted meanwhile."""
    catalogue = Catalogue(sqlite_url(path))
    try:
        catalogue.ensure()
    except CatalogueError as error:
        Log("uploader").warning("catalogue trouble", error=error)
    return catalogue
