"""What every camera and the uploader are doing, read from spool and catalogue alone: nobody is asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from camera_backup.catalogue.catalogue import FILE_NAME, Catalogue, Kept, SafeSegment, Totals
from camera_backup.config.models import Camera, Config
from camera_backup.model import CameraName
from camera_backup.schedule import Schedule
from camera_backup.spool.reader import Finished, Growing, Spool

FRESH = 15.0  # a camera whose segment grew within this many seconds is recording


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """One camera. Times are UTC, sizes in bytes, `latency` is from the last segment's end to its verification in s."""

    camera: str
    state: str
    last_frame: datetime | None
    segment_start: datetime | None
    segment_size: int
    waiting: int
    waiting_bytes: int
    oldest_waiting: datetime | None
    uploaded_bytes: int
    verified: int
    last_upload: datetime | None
    last_key: str | None
    latency: float | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the catalogue knows of one camera."""

    kept: frozenset[Kept]
    totals: Totals
    last: SafeSegment | None


def status(config: Config, now: datetime) -> list[CameraStatus]:
    """Return the status of every configured camera and of those that only have footage left.

    Raises SpoolError and CatalogueError.
    """
    spool = Spool(Path(config.storage.local_path))
    quiet = {name: _quiet(config, camera, now) for camera in config.cameras for name in camera.lanes}
    names = list(quiet)
    names += [name for name in spool.cameras() if name not in quiet]
    ledgers = _ledgers(Path(config.storage.state_path, FILE_NAME), names)
    return [_camera(name, quiet.get(name, "removed"), spool, ledgers[name], now) for name in names]


def _ledgers(path: Path, cameras: list[CameraName]) -> dict[CameraName, Ledger]:
    empty = dict.fromkeys(cameras, Ledger(frozenset(), Totals(0, 0), None))
    if not path.exists():  # the uploader has not run yet
        return empty
    catalogue = Catalogue.open(path, read_only=True)
    try:
        if not catalogue.begun():
            return empty
        kept = frozenset(catalogue.kept())
        return {name: Ledger(kept, catalogue.totals(name), catalogue.last_upload(name)) for name in cameras}
    finally:
        catalogue.close()


def _camera(name: CameraName, quiet: str, spool: Spool, ledger: Ledger, now: datetime) -> CameraStatus:
    there = (spool.root / name).is_dir()
    finished = spool.finished(name) if there else []
    growing = spool.growing(name) if there else None
    waiting = [item for item in finished if _kept(item) not in ledger.kept]
    last = ledger.last
    return CameraStatus(
        camera=name,
        state=_state(quiet, growing, now),
        last_frame=_last_frame(finished, growing, last),
        segment_start=growing.start if growing else None,
        segment_size=growing.size if growing else 0,
        waiting=len(waiting),
        waiting_bytes=sum(item.segment.size for item in waiting),
        oldest_waiting=waiting[0].segment.name.start if waiting else None,
        uploaded_bytes=ledger.totals.size,
        verified=ledger.totals.segments,
        last_upload=last.verified_at if last else None,
        last_key=last.key if last else None,
        latency=last.verified_at.timestamp() - last.modified if last else None,
    )


def _kept(item: Finished) -> Kept:
    return Kept(item.segment.camera, str(item.segment.name), item.segment.size, item.modified)


def _quiet(config: Config, camera: Camera, now: datetime) -> str:
    """Return the state of a configured camera that sends nothing."""
    if not camera.enabled:
        return "disabled"
    schedule = config.schedule_of(camera)
    if schedule is not None and not Schedule.parse(schedule.time_zone, schedule.windows).records(now):
        return "outside schedule"
    return "no footage"


def _state(quiet: str, growing: Growing | None, now: datetime) -> str:
    fresh = growing is not None and now.timestamp() - growing.modified < FRESH
    return "recording" if fresh and quiet not in {"removed", "disabled"} else quiet


def _last_frame(finished: Iterable[Finished], growing: Growing | None, last: SafeSegment | None) -> datetime | None:
    """Return when footage was last written: the newest file in the spool tells, else the last one uploaded."""
    moments = [item.modified for item in finished]
    moments += [growing.modified] if growing else []
    moments += [last.modified] if last else []
    return datetime.fromtimestamp(max(moments), UTC) if moments else None
