"""The real systemd's parser and analysers, on a folder of units, without a running systemd."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

SYSTEMD = "/lib/systemd/systemd"
STOCK_UNITS = "/lib/systemd/system"

_COMMAND = re.compile(r"^\t+Command Line: (.*)$", re.MULTILINE)


def parsed(folder: Path, unit: str) -> str:
    """Return how systemd itself understands `unit` in `folder`: its dump of that unit."""
    # A copy that everybody may read: systemd refuses to be tried out by root.
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        Path(copy).chmod(0o755)
        environ = {"PATH": os.environ["PATH"], "SYSTEMD_UNIT_PATH": f"{copy}:{STOCK_UNITS}"}
        nobody = [str(shutil.which("runuser")), "-u", "nobody", "--"] if os.geteuid() == 0 else []
        command = [*nobody, SYSTEMD, "--test", "--system", f"--unit={unit}"]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    dump = done.stdout + done.stderr
    return dump.partition(f"-> Unit {unit}:\n")[2].partition("\n\t-> Unit ")[0]


def command_lines(dump: str) -> list[list[str]]:
    """Return the words of every command in a dump."""
    return [_words(line) for line in _COMMAND.findall(dump)]


def exposure(root: Path, unit: str) -> float:
    """Return the score of `systemd-analyze security`, 0 (closed) to 10 (open)."""
    command = ["systemd-analyze", "security", "--offline=true", f"--root={root}", "--no-pager", unit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done
    return float(found[1])


def complaints(folder: Path, *units: str) -> str:
    """Return what `systemd-analyze verify` says of units in `folder`; nothing is what it should say."""
    environ = {"PATH": os.environ["PATH"], "SYSTEMD_UNIT_PATH": f"{folder}:{STOCK_UNITS}"}
    command = ["systemd-analyze", "verify", "--man=no", *units]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False).stderr


def _words(line: str) -> list[str]:
    """Split as systemd quotes: blanks between words, double quotes, and a backslash before special characters."""
    words: list[str] = []
    word, quoted, begun = "", False, False
    characters = iter(line)
    for character in characters:
        if character == "\\":
            word, begun = word + next(characters), True
        elif character == '"':
            quoted, begun = not quoted, True
        elif character == " " and not quoted:
            words, word, begun = [*words, word] if begun else words, "", False
        else:
            word, begun = word + character, True
    return [*words, word] if begun else words
