"""Measures the recorder beside bare ffmpeg, GStreamer's splitmuxsink and motion, on the same real camera.

Example: python -m benchmarks.recorder --minutes 1
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.comparison import cameras, compare, recordings
from benchmarks.contenders import CONTENDERS, OURS, environment, require
from benchmarks.faults import Faults, measure
from benchmarks.recording import Cost
from benchmarks.report import document, print_costs, print_faults
from camera_backup.demo.camera import CameraServer
from camera_backup.errors import CameraBackupError


def main() -> int:
    """Measure what was asked for and print it."""
    arguments = _arguments()
    console = Console(stderr=arguments.json)
    names = arguments.contenders or (list(CONTENDERS) if arguments.cameras == 1 else [OURS])
    try:
        require(names)
        costs, faults = _measure(arguments, names, console)
    except CameraBackupError as error:
        print(f"benchmark: {error}", file=sys.stderr)  # noqa: T201 - a command prints
        return 1
    if arguments.json:
        print(json.dumps(document(costs, faults), indent=1))  # noqa: T201 - so
        return 0
    if costs:
        print_costs(costs, console)
    if faults:
        print_faults(faults, console)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recorder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cameras", type=int, default=1, metavar="N", help="cameras to record at once (1)")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long to measure, after a start of 5 s (1)")
    parser.add_argument("--segment", type=int, default=60, metavar="SECONDS", help="length of a segment (60)")
    parser.add_argument(
        "--contenders",
        nargs="+",
        choices=tuple(CONTENDERS),
        help="who records; otherwise all of them one camera, and ours alone several",
    )
    parser.add_argument("--faults", action="store_true", help="measure what faults cost, instead of comparing")
    parser.add_argument("--kills", type=int, default=10, metavar="N", help="how often --faults kills the recorder (10)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--folder", type=Path, help="where to record (a temporary folder)")
    return parser.parse_args()


def _measure(arguments: argparse.Namespace, names: list[str], console: Console) -> tuple[list[Cost], Faults | None]:
    cache = Path(tempfile.gettempdir(), "camera-backup-test-loops")
    cache.mkdir(mode=0o700, exist_ok=True)
    # Once with nothing to do, so that no measured start has to compile Python files.
    subprocess.run(
        [sys.executable, "-m", "camera_backup", "record", "--help"],
        stdout=subprocess.DEVNULL, env=environment(), check=True,
    )  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="camera-backup-bench-", dir=arguments.folder) as name,
        console.status("") as line,
    ):
        folder = Path(name)
        if arguments.faults:
            return [], measure(folder, cache, arguments.kills, line.update)
        with CameraServer(cameras(arguments.cameras), folder / "server", cache=cache) as server:
            running = recordings(server, names, arguments.segment, folder)
            return compare(running, arguments.minutes * 60, line.update), None


if __name__ == "__main__":
    sys.exit(main())
