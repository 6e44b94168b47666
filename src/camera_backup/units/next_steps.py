"""What is left for the administrator after generate: the systemctl commands, for exactly what changed."""

from camera_backup.units.generation import Plan
from camera_backup.units.units import CREDENTIALS, RECORDER_DROP_IN, TARGET, UNITS, UPLOADER_DROP_IN


def next_steps(changes: Plan) -> list[str]:
    """Return the commands to run, in their order; none if nothing changed that systemd knows of."""
    touched = {*changes.create, *changes.change, *changes.remove}
    removed = sorted(path.name for path in changes.remove if path.parent == UNITS and path.suffix == ".service")
    steps = [f"systemctl stop {' '.join(removed)}"] if removed else []
    if any(path.is_relative_to(UNITS) for path in touched):
        steps.append("systemctl daemon-reload")
    if restart := _restarts(changes):
        # try-restart: what the administrator has stopped stays stopped.
        steps.append(f"systemctl try-restart {' '.join(restart)}")
    if any(path.parent == UNITS for path in changes.create):
        steps.append(f"systemctl enable --now {TARGET}")
    return steps


def _restarts(changes: Plan) -> list[str]:
    """Return the services that were there before and whose unit, settings or drop-in is another now."""
    before = [p for p in (*changes.change, *changes.same) if p.parent == UNITS and p.suffix == ".service"]
    touched = {*changes.create, *changes.change, *changes.remove}
    return sorted(
        unit.name
        for unit in before
        if unit in touched
        or CREDENTIALS / f"{unit.stem}.json" in touched
        or (RECORDER_DROP_IN if unit.name.startswith("camera-recorder-") else UPLOADER_DROP_IN) in touched
    )
