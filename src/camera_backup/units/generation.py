"""What has to change on a machine so that it has the files we want. Pure: `system_files` looks and writes."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from camera_backup.errors import UnavailableError


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file as it should be, owned by root. The text of a `sealed` one holds secrets and is never shown."""

    text: str = field(repr=False)
    mode: int = 0o644
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A path as it is: its text (None for a symlink, folder or device), its mode, and whether we wrote it."""

    text: str | None = field(repr=False)
    mode: int = 0o644
    ours: bool = False
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do; every path is absolute, as on the target machine. `edited` of `change` were changed by hand."""

    create: tuple[PurePosixPath, ...]
    change: tuple[PurePosixPath, ...]
    remove: tuple[PurePosixPath, ...]
    same: tuple[PurePosixPath, ...]
    edited: tuple[PurePosixPath, ...] = ()

    @property
    def changes(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.create or self.change or self.remove)


def plan(wanted: Mapping[PurePosixPath, FileContent], found: Mapping[PurePosixPath, Found]) -> Plan:
    """Compare; files of ours that nobody wants any more go, files of others are never touched.

    Raises UnavailableError if a file of somebody else, or no plain file, stands where ours should be.
    """
    foreign = sorted(path for path in wanted if path in found and not found[path].ours)
    if foreign:
        listed = ", ".join(str(path) for path in foreign)
        raise UnavailableError(f"not written by camera-backup, and in its way: {listed}", hint="move it away first")
    present = sorted(path for path in wanted if path in found)
    change = tuple(path for path in present if _differs(wanted[path], found[path]))
    return Plan(
        create=tuple(sorted(path for path in wanted if path not in found)),
        change=change,
        remove=tuple(sorted(path for path, file in found.items() if file.ours and path not in wanted)),
        same=tuple(path for path in present if path not in change),
        edited=tuple(path for path in change if found[path].edited),
    )


def difference(
    plan_: Plan, wanted: Mapping[PurePosixPath, FileContent], found: Mapping[PurePosixPath, Found]
) -> Iterator[str]:
    """Give the plan as lines of a unified diff; of files with secrets only that they change."""
    for path in sorted((*plan_.create, *plan_.change, *plan_.remove)):
        old, new = found.get(path), wanted.get(path)
        if _is_sealed(path, new):
            word = "new" if old is None else "removed" if new is None else "changed"
            yield f"{path}: {word} (holds secrets, not shown)"
            continue
        if old and new and old.mode != new.mode:
            yield f"{path}: mode {old.mode:04o} → {new.mode:04o}"
        yield from difflib.unified_diff(
            (old.text or "").splitlines() if old else [],
            new.text.splitlines() if new else [],
            str(path) if old else "/dev/null",
            str(path) if new else "/dev/null",
            lineterm="",
        )


def _differs(wanted: FileContent, found: Found) -> bool:
    return wanted.text != found.text or wanted.mode != found.mode


def _is_sealed(path: PurePosixPath, wanted: FileContent | None) -> bool:
    # A file that is to go has no wanted content; sealed settings are the only JSON we write.
    return wanted.sealed if wanted else path.suffix == ".json"
