import random
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camera_backup.errors import ConfigError
from camera_backup.units.rendering import is_edited, is_ours, marked, render, text, word, words
from tests.support import systemd

SPECIAL = " \"'\\$%{}[]();&|<>*?~#@!`^:=,+-/.n0xuU"
PIECES = [
    "%n",
    "%%",
    "${HOME}",
    "$HOME",
    "\\n",
    "\\x41",
    "\\u0041",
    ";",
    " ; ",
    "]",
    "[Service]",
    "ExecStart=",
    "\\",
    '"',
    "'",
]


def hostile_words(count: int) -> list[str]:
    """Give strings made of what systemd, shells and printf give a meaning to; the same ones every time."""
    chance = random.Random(7)
    alphabet = [*SPECIAL, *PIECES, *string.ascii_letters, "ü", "漢", "\u202e", "\u2028", "🎥", "\u00a0"]
    return ["", *("".join(chance.choices(alphabet, k=chance.randint(1, 40))) for _ in range(count - 1))]


def test_systemd_reads_thousands_of_hostile_words_as_they_were_written(tmp_path: Path) -> None:
    hostile = hostile_words(4000)
    commands = "".join(f"ExecStart=:{words(['/bin/true', one, 'end'])}\n" for one in hostile)
    (tmp_path / "all.service").write_text(f"[Unit]\nDescription=all\n[Service]\nType=oneshot\n{commands}")
    dump = systemd.parsed(tmp_path, "all.service")
    assert systemd.command_lines(dump) == [["/bin/true", one, "end"] for one in hostile]
    assert "ExecStartPre" not in dump
    assert "Description: all\n" in dump


def test_systemd_reads_hostile_folders_as_they_were_written(tmp_path: Path) -> None:
    folders = ["/srv/two words", "/srv/100%n", "/srv/küche"]
    (tmp_path / "all.service").write_text(
        f"[Unit]\nRequiresMountsFor={words(folders)}\nDescription={text('100%n')}\n"
        f"[Service]\nExecStart=/bin/true\nReadWritePaths={words(folders)}\n"
    )
    dump = systemd.parsed(tmp_path, "all.service")
    assert "Description: 100%n\n" in dump
    assert f"ReadWritePaths: {' '.join(folders)}\n" in dump
    for folder in folders:
        assert f"RequiresMountsFor: {folder} " in dump


@given(
    st.text(st.characters(codec="utf-8")).filter(lambda one: any(ord(char) < 32 or ord(char) == 127 for char in one))
)
def test_a_value_with_control_characters_is_refused(value: str) -> None:
    for put in (word, text):
        with pytest.raises(ConfigError, match="control characters cannot go into a unit"):
            put(value)


def test_a_file_of_ours_is_known_by_its_marker_and_an_edit_by_its_hash() -> None:
    for ours in (render("camera-backup.slice"), marked("# a comment\nd /srv\n")):
        assert is_ours(ours)
        assert not is_edited(ours)
        assert is_edited(ours.replace("# ", "# more ", 1))
        assert is_edited(ours + "[Service]\nUser=root\n")
    assert not is_ours("[Unit]\nDescription=somebody else's\n")
    assert not is_ours("# mentions [X-CameraBackup] in passing\n")


def test_the_marker_is_a_section_in_units_and_a_comment_elsewhere() -> None:
    assert "\n[X-CameraBackup]\n" in render("camera-backup.slice")
    assert "\n# [X-CameraBackup]\n" in marked("d /srv\n")
