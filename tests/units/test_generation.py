from pathlib import PurePosixPath

import pytest

from camera_backup.errors import UnavailableError
from camera_backup.units.generation import FileContent, Found, Plan, difference, plan

UNIT = PurePosixPath("/etc/systemd/system/camera-uploader.service")
OLD = PurePosixPath("/etc/systemd/system/camera-recorder-gone.service")
SETTINGS = PurePosixPath("/etc/camera-backup/credentials/camera-uploader.json")


def unit(text: str = "a\n", mode: int = 0o644) -> Found:
    return Found(text, mode, ours=True)


def test_what_is_missing_is_created() -> None:
    assert plan({UNIT: FileContent("a\n")}, {}) == Plan((UNIT,), (), (), ())


def test_what_is_the_same_stays_as_it_is() -> None:
    unchanged = plan({UNIT: FileContent("a\n")}, {UNIT: unit()})
    assert unchanged == Plan((), (), (), (UNIT,))
    assert not unchanged.changes


@pytest.mark.parametrize("found", [unit("b\n"), unit(mode=0o600)])
def test_another_text_or_mode_is_a_change(found: Found) -> None:
    assert plan({UNIT: FileContent("a\n")}, {UNIT: found}) == Plan((), (UNIT,), (), ())


def test_a_stale_file_of_ours_is_removed_and_one_of_others_is_not() -> None:
    theirs = OLD.with_name("camera-somebody-else.service")
    found = {OLD: unit(), theirs: Found("a\n")}
    assert plan({}, found) == Plan((), (), (OLD,), ())


@pytest.mark.parametrize("found", [Found("a\n"), Found(None)])
def test_somebody_elses_file_or_symlink_is_not_overwritten(found: Found) -> None:
    with pytest.raises(UnavailableError, match=r"not written by camera-backup, and in its way: /etc/.*move it away"):
        plan({UNIT: FileContent("a\n")}, {UNIT: found})


def test_a_file_edited_by_hand_is_named_when_the_edit_is_lost() -> None:
    found = {UNIT: Found("b\n", ours=True, edited=True)}
    assert plan({UNIT: FileContent("a\n")}, found).edited == (UNIT,)


def lines(wanted: dict[PurePosixPath, FileContent], found: dict[PurePosixPath, Found]) -> list[str]:
    return list(difference(plan(wanted, found), wanted, found))


def test_a_difference_is_a_unified_diff() -> None:
    assert lines({UNIT: FileContent("a\nc\n")}, {UNIT: unit("a\nb\n"), OLD: unit("x\n")}) == [
        f"--- {OLD}",
        "+++ /dev/null",
        "@@ -1 +0,0 @@",
        "-x",
        f"--- {UNIT}",
        f"+++ {UNIT}",
        "@@ -1,2 +1,2 @@",
        " a",
        "-b",
        "+c",
    ]


def test_a_change_of_mode_is_shown() -> None:
    assert lines({UNIT: FileContent("a\n")}, {UNIT: unit(mode=0o666)}) == [f"{UNIT}: mode 0666 → 0644"]


def test_a_difference_never_shows_sealed_settings() -> None:
    sealed = FileContent('{"secret_access_key": "open-sesame"}', mode=0o600, sealed=True)
    other = Found('{"secret_access_key": "letmein"}', 0o600, ours=True)
    assert lines({SETTINGS: sealed}, {}) == [f"{SETTINGS}: new (holds secrets, not shown)"]
    assert lines({SETTINGS: sealed}, {SETTINGS: other}) == [f"{SETTINGS}: changed (holds secrets, not shown)"]
    assert lines({}, {SETTINGS: other}) == [f"{SETTINGS}: removed (holds secrets, not shown)"]
    assert "open-sesame" not in repr(sealed)
    assert "letmein" not in repr(other)
