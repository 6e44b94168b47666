"""What every camera and the uploader are doing, read from spool and catalogue alone: nobody is asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from camera_backup.catalogue import Catalogue, Totals
from camera_backup.config import Config
from camera_backup.model import CameraName
from camera_backup.spool import Finished, Growing, Spool

FRESH = 15.0  # a camera whose segment grew within this many seconds is recording


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """One camera. Times are UTC, sizes in bytes, `latency` is from the end of the last segment to its verification."""

    camera: str
    state: str
    last_frame: datetime | None
    segment_start: datetime | None
    segment_size: int
    waiting: int
    waiting_bytes: int
    oldest_waiting: datetime | None
    uploaded: int
    verified: int
    last_upload: datetime | None
    last_key: str | None
    latency: float | None


def status(config: Config, now: datetime) -> list[CameraStatus]:
    """Return the status of every configured camera and of those that only have footage left; raises SpoolError."""
    spool = Spool(Path(config.storage.local_path))
    enabled = {camera.name: camera.enabled for camera in config.cameras}
    names = [*enabled, *(name for name in spool.cameras() if name not in enabled)]
    with Catalogue.open_readonly(Path(config.storage.state_path)) as catalogue:
        return [_camera(CameraName(name), enabled.get(name), spool, catalogue, now) for name in names]


def _camera(name: CameraName, enabled: bool | None, spool: Spool, catalogue: Catalogue, now: datetime) -> CameraStatus:
    there = (spool.root / name).is_dir()
    finished = spool.finished(name) if there else []
    growing = spool.growing(name) if there else None
    waiting = [item for item in finished if catalogue.verified(item.segment) is None]
    totals = catalogue.totals(name)
    frame = _last_frame(finished, growing, totals)
    return CameraStatus(
        camera=name,
        state=_state(enabled, growing, now),
        last_frame=frame,
        segment_start=growing.start if growing else None,
        segment_size=growing.size if growing else 0,
        waiting=len(waiting),
        waiting_bytes=sum(item.segment.size for item in waiting),
        oldest_waiting=waiting[0].segment.name.start if waiting else None,
        uploaded=totals.uploaded,
        verified=totals.verified,
        last_upload=totals.last_upload,
        last_key=totals.last_key,
        latency=totals.latency,
    )


def _state(enabled: bool | None, growing: Growing | None, now: datetime) -> str:
    if enabled is None:
        return "removed"
    if not enabled:
        return "disabled"
    fresh = growing is not None and now.timestamp() - growing.modified < FRESH
    return "recording" if fresh else "no footage"


def _last_frame(finished: Iterable[Finished], growing: Growing | None, totals: Totals) -> datetime | None:
    """Return when footage was last written: the newest file in the spool tells, else the newest one uploaded."""
    moments = [item.modified for item in finished] + ([growing.modified] if growing else [])
    return datetime.fromtimestamp(max(moments), UTC) if moments else totals.last_finished
