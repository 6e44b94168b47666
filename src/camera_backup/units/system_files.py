"""Looks at and writes files of the system below a root folder: atomically, durably, never through a symlink."""

import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from camera_backup.errors import UnavailableError, UsageError
from camera_backup.units.generation import FileContent, Found, Plan
from camera_backup.units.rendering import is_edited, is_ours

_FOLDER = 0o755
_SECRET_FOLDER = 0o700


def root_folder(text: str) -> Path:
    """Return the folder that `--root` names, without symlinks and in one spelling, so that `//` is `/`."""
    return Path("/" + os.path.realpath(text).lstrip("/"))


def below(root: Path, path: PurePosixPath) -> Path:
    """Return where the target machine's absolute `path` lies when its file system is at `root`."""
    return root / path.relative_to("/")


def look(
    root: Path, wanted: Collection[PurePosixPath], patterns: Collection[str], owned: Callable[[PurePosixPath], bool]
) -> dict[PurePosixPath, Found]:
    """Return what stands at the `wanted` paths and at all that match `patterns` (absolute globs).

    A file is ours by its marker, or because `owned` says so. Raises like `explained`.
    """
    paths = set(wanted)
    with explained(root):
        for pattern in patterns:
            paths |= {PurePosixPath("/") / file.relative_to(root) for file in root.glob(pattern.lstrip("/"))}
        found = {path: _found(below(root, path), owned(path)) for path in paths}
    return {path: file for path, file in found.items() if file is not None}


def apply(plan: Plan, wanted: Mapping[PurePosixPath, FileContent], root: Path) -> None:
    """Do what `plan` says; it can be run again after any failure.

    Raises like `explained`.
    """
    with explained(root):
        # Sealed settings come before the units that load them, and the target that starts the units comes last.
        for path in sorted((*plan.create, *plan.change), key=lambda path: (path.suffix == ".target", path)):
            write(root, path, wanted[path])
        for path in plan.remove:
            _remove(below(root, path))


@contextmanager
def explained(root: Path) -> Iterator[None]:
    """Turn what the file system refuses below `root` into UsageError (no rights) or UnavailableError (the rest)."""
    try:
        yield
    except PermissionError as error:
        where = "this machine's configuration" if root == Path("/") else str(root)
        hint = "run it with sudo, or write elsewhere with --root DIR"
        raise UsageError(f"you may not change {where}", hint=hint) from error
    except OSError as error:
        raise UnavailableError(f"{error.strerror}: {error.filename}", hint="is the disk full or read-only?") from error


def write(root: Path, path: PurePosixPath, content: FileContent) -> None:
    """Put a file in place in one step, durable once this returns."""
    target = below(root, path)
    _make_folder(root, target.parent, _SECRET_FOLDER if content.sealed else _FOLDER)
    new = target.with_name(f".{target.name}.camera-backup-new")
    # What a run that was killed left behind.
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.text.encode())
            file.flush()
            os.fchmod(file.fileno(), content.mode)
            os.fsync(file.fileno())
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync(target.parent)


def _found(path: Path, owned: bool) -> Found | None:
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return Found(None)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return Found(None)
    return Found(text, stat.S_IMODE(status.st_mode), owned or is_ours(text), is_edited(text))


def _make_folder(root: Path, folder: Path, mode: int) -> None:
    """Create `folder` and those above it; a folder for secrets is closed to others even if it was there before."""
    if not folder.resolve().is_relative_to(root.resolve()):
        raise UnavailableError(f"{folder} leads out of {root}", hint="there is a symlink on the way")
    for part in reversed([folder, *folder.parents]):
        if not part.exists():
            part.mkdir()
            part.chmod(mode if part == folder else _FOLDER)
            _sync(part.parent)
    if mode == _SECRET_FOLDER and stat.S_IMODE(folder.stat().st_mode) != mode:
        folder.chmod(mode)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _sync(path.parent)
    # A drop-in folder goes with its last file; one with an administrator's own files stays.
    if path.parent.name.endswith(".d") and path.parent.parent.name == "system" and not any(path.parent.iterdir()):
        path.parent.rmdir()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
