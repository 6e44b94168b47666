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

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from camera_backup.config.file import load
from camera_backup.demo.proof import Proof, objects, prove
from camera_backup.demo.scene import BUCKET, CAMERAS, Scene
from camera_backup.durations import seconds
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
    """Show the demo; the exit code is 0 only if everything recorded was uploaded, verified and plays."""
    console = Console()
    with _folder(arguments.folder) as folder, stop_on_signals() as stop:
        console.print("Starting two cameras and an S3 server on this machine …")
        with Scene(folder) as scene:
            scene.start(arguments.time)
            _explain(console, scene)
            with Live(console=console, auto_refresh=False, transient=not console.is_terminal) as live:
                while scene.running() and not stop.is_set():
                    if console.is_terminal:
                        live.update(_view(scene), refresh=True)
                    stop.wait(REFRESH)
            code = scene.stop()
            proofs = prove(scene, _status(scene))
        _sum_up(console, proofs)
        if code or any(proof.missing for proof in proofs):
            console.print(f"Something is missing; what the processes said (exit code {code}):")
            sys.stdout.write(scene.log.read_text(encoding="utf-8", errors="replace"))
            return 1
    return 0


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


def _view(scene: Scene) -> Group:
    now = datetime.now(UTC)
    return Group(table(status(load(scene.config), now), now), _play(scene))


def _play(scene: Scene) -> str:
    keys = [key for spec in CAMERAS for key in objects(scene.store, spec.path)[-1:]]
    if not keys:
        return "The first segment is in the bucket about ten seconds after the start."
    url = scene.store.client().generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": keys[0]})
    return f"Play the newest segment: ffplay '{url}'\nStop with Ctrl-C."


def _explain(console: Console, scene: Scene) -> None:
    console.print(
        f"Everything lies in {scene.folder}; what the processes say, in {scene.log.name} there.", soft_wrap=True
    )
    console.print("Look at the bucket with any S3 tool, for example:", soft_wrap=True)
    store = scene.store
    keys = f"AWS_ACCESS_KEY_ID={store.access_key_id} AWS_SECRET_ACCESS_KEY={store.secret_access_key}"
    console.print(f"  {keys} aws --endpoint-url {store.endpoint} s3 ls --recursive s3://{BUCKET}/", soft_wrap=True)


def _sum_up(console: Console, proofs: list[Proof]) -> None:
    summary = Table("camera", "recorded", "uploaded", "verified", "played back", title="What came of it")
    for proof in proofs:
        counts = (proof.recorded, proof.uploaded, proof.verified, proof.played)
        summary.add_row(proof.camera, *(str(count) for count in counts))
    console.print(summary)
    for proof in proofs:
        for words in proof.missing:
            console.print(f"{proof.camera}: {words}")
