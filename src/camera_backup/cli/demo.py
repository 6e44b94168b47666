"""See it work on this machine: two real cameras, a real S3 server, and the processes that production runs.

Example: camera-backup demo --for 30s
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from camera_backup.clock import Stop
from camera_backup.config.file import load
from camera_backup.demo.proof import Proof, prove
from camera_backup.demo.scene import BUCKET, Scene
from camera_backup.durations import seconds
from camera_backup.errors import CatalogueError, SpoolError
from camera_backup.service import stop_on_signals
from camera_backup.status.status import CameraStatus, status
from camera_backup.status.table import table

REFRESH = 0.5


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--for", type=seconds, metavar="TIME", dest="time", help="run unattended for so long (30s, 5m), then sum up"
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="keep everything here; default: a temporary folder")


def run(arguments: argparse.Namespace) -> int:
    """Show the demo; with `--for` the exit code is 0 only if all that was recorded was uploaded, verified and plays."""
    console = Console()
    with _folder(arguments.folder) as folder, stop_on_signals() as stop:
        console.print("Starting two cameras and an S3 server on this machine ...")
        with Scene(folder) as scene:
            scene.start(arguments.time)
            _explain(console, scene)
            _watch(console, scene, stop)
            if arguments.time is None or stop.is_set():
                console.print("Stopped.")
                return 0
            code = scene.stop()
            proofs = prove(scene, _status(scene))
        _sum_up(console, proofs)
        if code or any(proof.missing for proof in proofs):
            console.print(f"Something is missing; what the processes said (exit code {code}):")
            sys.stdout.write(scene.log.read_text(encoding="utf-8", errors="replace"))
            return 1
    return 0


def _watch(console: Console, scene: Scene, stop: Stop) -> None:
    """Show the table, on a terminal, until `camera-backup run` ends or somebody presses Ctrl-C."""
    told = not console.is_terminal
    with Live(console=console, auto_refresh=False, transient=not console.is_terminal) as live:
        while scene.running() and not stop.is_set():
            cameras = _seen(scene) if console.is_terminal else []
            if cameras:
                live.update(table(cameras, datetime.now(UTC)), refresh=True)
            if not told and any(camera.last_key for camera in cameras):
                told = True
                _tell_how_to_play(console, scene, cameras)
            stop.wait(REFRESH)


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="camera-backup-demo-") as folder:
        yield Path(folder)


def _status(scene: Scene) -> list[CameraStatus]:
    return status(load(scene.config), datetime.now(UTC))


def _seen(scene: Scene) -> list[CameraStatus]:
    """Return the status, or nothing while spool and catalogue are still being made."""
    try:
        return _status(scene)
    except (CatalogueError, SpoolError):
        return []


def _tell_how_to_play(console: Console, scene: Scene, cameras: list[CameraStatus]) -> None:
    key = next(camera.last_key for camera in cameras if camera.last_key)
    url = scene.store.client().generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key})
    console.print("The first segment is in the bucket. Play it, or open the address in a browser:", soft_wrap=True)
    console.print(f"  ffplay '{url}'", soft_wrap=True, highlight=False)


def _explain(console: Console, scene: Scene) -> None:
    console.print(
        f"Everything lies in {scene.folder}; what the processes say, in {scene.log.name} there.", soft_wrap=True
    )
    console.print("Look at the bucket with any S3 tool, for example:", soft_wrap=True)
    store = scene.store
    keys = f"AWS_ACCESS_KEY_ID={store.access_key_id} AWS_SECRET_ACCESS_KEY={store.secret_access_key}"
    listing = f"aws --endpoint-url {store.endpoint} s3 ls --recursive s3://{BUCKET}/"
    console.print(f"  {keys} {listing}", soft_wrap=True, highlight=False)
    if console.is_terminal:
        console.print("Stop with Ctrl-C.")


def _sum_up(console: Console, proofs: list[Proof]) -> None:
    summary = Table("camera", "recorded", "uploaded", "verified", "played back", title="What came of it")
    for proof in proofs:
        counts = (proof.recorded, proof.uploaded, proof.verified, proof.played)
        summary.add_row(proof.camera, *(str(count) for count in counts))
    console.print(summary)
    for proof in proofs:
        for words in proof.missing:
            console.print(f"{proof.camera}: {words}")
