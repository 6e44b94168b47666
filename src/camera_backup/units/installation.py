"""Preparing a machine and taking everything back: user, group, folders and the configuration's template.

Nothing here overwrites a configuration or touches footage.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from camera_backup.config import file as config_file
from camera_backup.config.models import Storage
from camera_backup.errors import ConfigError
from camera_backup.spool.mark import MARK, mark_spool
from camera_backup.units import system_tools, units
from camera_backup.units.generation import FileContent, Plan, plan
from camera_backup.units.rendering import marked, template
from camera_backup.units.system_files import apply, below, explained, look

CONFIG = PurePosixPath(config_file.DEFAULT_PATH)
SYSUSERS = PurePosixPath("/usr/lib/sysusers.d/camera-backup.conf")
TMPFILES = PurePosixPath("/usr/lib/tmpfiles.d/camera-backup.conf")
BOOT_LINK = units.UNITS / "multi-user.target.wants" / units.TARGET

# In the state folder; everything else that may lie there is not ours to remove.
STATE_FILES = ("catalogue.*", "uploader.lock")
STATE_FOLDERS = ("accounts",)


@dataclass(frozen=True, slots=True)
class Removal:
    """What `uninstall` takes away, and where that stays which it never touches. Paths are the target machine's."""

    files: Plan
    state: tuple[PurePosixPath, ...]
    footage: PurePosixPath
    config_stays: bool


def installed_files(root: Path) -> dict[PurePosixPath, FileContent]:
    """Return path → content of an installation; the configuration's template only where there is none yet."""
    wanted = {
        SYSUSERS: FileContent(marked(template("sysusers.conf"))),
        TMPFILES: FileContent(marked(template("tmpfiles.conf"))),
    }
    config = below(root, CONFIG)
    with explained(root):
        if not config.exists() and not config.is_symlink():
            wanted[CONFIG] = FileContent(template("config.yaml"), mode=0o640)
    return wanted


def install(root: Path, *, dry_run: bool) -> Plan:
    """Write what is missing and return what that was; users and folders are put right every time."""
    wanted = installed_files(root)
    files = plan(wanted, look(root, wanted, (), lambda _path: False))
    if not dry_run:
        apply(files, wanted, root)
        system_tools.create_users(SYSUSERS.name, root)
        system_tools.create_folders(TMPFILES.name, root)
        mark_spool(below(root, PurePosixPath(Storage().local_path)))
    return files


def plan_removal(root: Path, *, purge: bool) -> Removal:
    """Return what `uninstall` would remove; `purge` adds configuration, catalogue and tokens."""
    storage = _storage(root)
    patterns = (*units.PATTERNS, str(SYSUSERS), str(TMPFILES))
    files = plan({}, look(root, (), patterns, units.is_sealed_settings))
    state = tuple(_state(root, storage)) if purge else ()
    return Removal(files, state, PurePosixPath(storage.local_path), config_stays=not purge)


def uninstall(root: Path, removal: Removal) -> None:
    """Remove what `removal` names; units that run are stopped first."""
    if root == system_tools.THIS_MACHINE and units.UNITS / units.TARGET in removal.files.remove:
        system_tools.stop_everything(units.TARGET)
    apply(removal.files, {}, root)
    with explained(root):
        below(root, BOOT_LINK).unlink(missing_ok=True)
        (below(root, removal.footage) / MARK).unlink(missing_ok=True)
        for path in removal.state:
            target = below(root, path)
            shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
        if not removal.config_stays:
            below(root, CONFIG).unlink(missing_ok=True)
        for folder in (units.CREDENTIALS, CONFIG.parent):
            _remove_if_empty(below(root, folder))
    if root == system_tools.THIS_MACHINE:
        system_tools.reload_systemd()


def _storage(root: Path) -> Storage:
    """Return the configured folders; a configuration that cannot be read leaves the defaults."""
    try:
        return config_file.load(below(root, CONFIG)).storage
    except ConfigError:
        return Storage()


def _state(root: Path, storage: Storage) -> Iterator[PurePosixPath]:
    folder, footage = below(root, PurePosixPath(storage.state_path)), below(root, PurePosixPath(storage.local_path))
    for pattern in STATE_FILES:
        yield from (_target(root, path) for path in sorted(folder.glob(pattern)) if path.is_file())
    for name in STATE_FOLDERS:
        if (folder / name).is_dir() and not footage.is_relative_to(folder / name):
            yield _target(root, folder / name)


def _target(root: Path, path: Path) -> PurePosixPath:
    return PurePosixPath("/") / path.relative_to(root)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
