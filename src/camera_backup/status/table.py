"""The status as a table for people, the same in `status` and in the demo."""

from collections.abc import Iterable
from datetime import datetime

from rich.table import Table

from camera_backup.status.status import CameraStatus


def table(cameras: Iterable[CameraStatus], now: datetime) -> Table:
    """Return the table; ages are counted back from `now`."""
    shown = Table(pad_edge=False)
    for heading in (
        "camera",
        "state",
        "last frame",
        "segment",
        "waiting",
        "uploaded",
        "verified",
        "last upload",
        "latency",
    ):
        right = heading in {"waiting", "uploaded", "verified", "latency"}
        shown.add_column(heading, justify="right" if right else "left", no_wrap=heading in {"camera", "state"})
    for camera in cameras:
        shown.add_row(
            camera.camera,
            camera.state,
            _ago(camera.last_frame, now),
            f"{camera.segment_start:%H:%M:%S} UTC, {_size(camera.segment_size)}" if camera.segment_start else "-",
            f"{camera.waiting} ({_size(camera.waiting_bytes)})" if camera.waiting else "0",
            _size(camera.uploaded_bytes),
            str(camera.verified),
            _ago(camera.last_upload, now),
            "-" if camera.latency is None else f"{camera.latency:.1f} s",
        )
    return shown


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "never"
    seconds = max(0, round((now - moment).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
