"""What the demo proves at its end: what was recorded, uploaded, verified and plays."""

import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from camera_backup.demo.scene import BUCKET, Scene
from camera_backup.demo.store import Store
from camera_backup.status.status import CameraStatus


@dataclass(frozen=True, slots=True)
class Proof:
    """Counts of one camera's segments, and what is missing, in words."""

    camera: str
    recorded: int
    uploaded: int
    verified: int
    played: int
    missing: tuple[str, ...]


def prove(scene: Scene, cameras: Iterable[CameraStatus]) -> list[Proof]:
    """Return the proof of each camera: its objects are fetched from the bucket and decoded by ffmpeg."""
    published = scene.published()
    return [_camera(scene.store, camera, published.get(camera.camera, 0)) for camera in cameras]


def objects(store: Store, camera: str) -> list[str]:
    """Return the keys of a camera's objects."""
    pages = store.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{camera}/")
    return [item["Key"] for page in pages for item in page.get("Contents", ())]


def _camera(store: Store, camera: CameraStatus, recorded: int) -> Proof:
    keys = objects(store, camera.camera)
    played = sum(plays(store, key) for key in keys)
    missing = []
    if not recorded:
        missing.append("nothing was recorded")
    if len(keys) != recorded:
        missing.append(f"{recorded} segments were recorded, {len(keys)} are in the bucket")
    if camera.verified != recorded:
        missing.append(f"{recorded} segments were recorded, {camera.verified} are verified")
    if played != len(keys):
        missing.append(f"{len(keys) - played} objects do not play")
    if camera.waiting:
        missing.append(f"{camera.waiting} segments still wait")
    return Proof(camera.camera, recorded, len(keys), camera.verified, played, tuple(missing))


def plays(store: Store, key: str) -> bool:
    """Tell whether an object decodes from its first frame to its last."""
    with tempfile.NamedTemporaryFile(suffix=Path(key).suffix) as file:
        store.client().download_fileobj(BUCKET, key, file)
        file.flush()
        maps = ["-map", "0:v", "-map", "0:a?"]
        command = ["ffmpeg", "-v", "error", "-xerror", "-i", file.name, *maps, "-f", "null", "-"]
        decoded = subprocess.run(command, capture_output=True, check=False)
    return decoded.returncode == 0 and not decoded.stderr
