"""Record one camera into its spool folder; its unit starts this.

Example: systemctl start camera-recorder-front-door
"""

import argparse
from pathlib import Path

from camera_backup import logs
from camera_backup.clock import Clock, SystemClock
from camera_backup.errors import ConfigError, UsageError
from camera_backup.logs import Log
from camera_backup.recorder.clock_gate import ClockGate, TimeSync
from camera_backup.recorder.gates import Gate
from camera_backup.recorder.recorder import Means, Recorder
from camera_backup.recorder.space import FreeGate, QuotaGate, SpoolGate
from camera_backup.redact import url_secrets
from camera_backup.service import Notifier, stop_on_signals
from camera_backup.settings import RecorderSettings
from camera_backup.sources.rtsp import RtspSource


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("camera", metavar="NAME", help="the camera, as config.yaml names it")
    parser.add_argument("--settings", metavar="FILE", help="sealed settings, instead of those the unit hands over")


def run(arguments: argparse.Namespace) -> int:
    """Record until asked to stop."""
    settings = RecorderSettings.load(arguments.settings)
    if settings.camera != arguments.camera:
        raise UsageError(f"these settings are for camera {settings.camera}, not {arguments.camera}")
    logs.setup_lean(url_secrets(settings.url))
    log = Log("recorder", camera=settings.camera)
    clock = SystemClock()
    time_sync = TimeSync(clock)
    closed = (ClockGate(time_sync, clock, settings.clock_wait, log), *gates(settings, clock))
    source = RtspSource(settings, clock, log)
    means = Means(source, clock, log, Notifier(), closed, unsynced=lambda: not time_sync.is_set())
    with stop_on_signals() as stop:
        Recorder(settings, means).run(stop)
    return 0


def gates(settings: RecorderSettings, clock: Clock) -> list[Gate]:
    """Return what may keep this recorder from recording, the worst first: its word stands in the gap's record."""
    folder = Path(settings.folder)
    found: list[Gate] = [SpoolGate(folder, Path(settings.mark) if settings.mark else None)]
    if settings.min_free:
        found.append(FreeGate(folder, settings.min_free))
    if settings.quota:
        found.append(QuotaGate(folder, settings.quota, clock))
    if settings.schedule_zone is not None:
        found.append(_schedule_gate(settings.schedule_zone, settings.schedule_windows, clock))
    return found


def _schedule_gate(zone: str, windows: list[str], clock: Clock) -> Gate:
    # Most recorders need none of this, and each of them counts its memory.
    from camera_backup.recorder.schedule_gate import ScheduleGate  # noqa: PLC0415 - as said
    from camera_backup.schedule import Schedule  # noqa: PLC0415 - as said

    try:
        return ScheduleGate(Schedule.parse(zone, windows), clock)
    except ValueError as error:
        raise ConfigError(f"the schedule cannot be kept: {error}") from error
