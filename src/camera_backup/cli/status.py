"""Show what every camera and the uploader are doing: last frame, current segment, waiting, last upload.

Example: sudo camera-backup status --json
"""

import argparse
import dataclasses
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from camera_backup.config.file import DEFAULT_PATH, load
from camera_backup.status.status import status
from camera_backup.status.table import table


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the status."""
    now = datetime.now(UTC)
    cameras = status(load(arguments.config), now)
    if arguments.json:
        json.dump([dataclasses.asdict(camera) for camera in cameras], sys.stdout, default=_moment)
        print()
    else:
        Console().print(table(cameras, now))
    return 0


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(f"not JSON: {value!r}")
