"""Turn config.yaml into systemd units and sealed settings, changing only what differs.

Examples:
  sudo camera-backup-generate
  sudo camera-backup-generate --diff          show what would change, and change nothing
  camera-backup-generate --config new.yaml --root /tmp/try

"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from camera_backup.config import file as config_file
from camera_backup.errors import UnavailableError
from camera_backup.spool.mark import mark_spool
from camera_backup.units import system_tools, units
from camera_backup.units.generation import FileContent, Plan, difference, plan
from camera_backup.units.next_steps import next_steps
from camera_backup.units.system_files import apply, below, look, root_folder


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--config", metavar="FILE", type=Path, help=f"default: {config_file.DEFAULT_PATH}")
    parser.add_argument("--root", metavar="DIR", type=root_folder, default="/", help="write below DIR instead of /")
    parser.add_argument("--program", metavar="PATH", help="the camera-backup that units start; default: this one")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if there is something to change")
    parser.add_argument("--diff", action="store_true", help="change nothing; show the differences (never secrets)")
    parser.add_argument("--dry-run", action="store_true", help="change nothing; list the files that would change")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Compare, and unless asked otherwise, write."""
    root: Path = arguments.root
    path = arguments.config or below(root, PurePosixPath(config_file.DEFAULT_PATH))
    config = config_file.load(path)
    wanted = units.files(config, system_tools.program(arguments.program))
    found = look(root, wanted, units.PATTERNS, units.is_sealed_settings)
    changes = plan(wanted, found)
    only_tell = arguments.check or arguments.diff or arguments.dry_run
    if not only_tell:
        _write(changes, wanted, root)
        if root == system_tools.THIS_MACHINE:
            mark_spool(below(root, PurePosixPath(config.storage.local_path)))
    if arguments.diff:
        for line in difference(changes, wanted, found):
            # With --json, standard output belongs to the JSON.
            print(line, file=sys.stderr if arguments.json else sys.stdout)
    steps = next_steps(changes)
    if arguments.json:
        print(json.dumps({**_outcome(changes), "applied": not only_tell, "next": steps}, indent=2))
    elif not arguments.diff:
        _tell(changes, steps, only_tell=only_tell)
    return 1 if arguments.check and changes.changes else 0


def _write(changes: Plan, wanted: Mapping[PurePosixPath, FileContent], root: Path) -> None:
    on_this_machine = root == system_tools.THIS_MACHINE
    if on_this_machine and not system_tools.is_installed():
        raise UnavailableError("the user camera-backup does not exist", hint="run camera-backup-install first")
    apply(changes, wanted, root)
    if on_this_machine:
        system_tools.create_users(units.SYSUSERS.name)
        system_tools.create_folders(units.TMPFILES.name)


def _outcome(changes: Plan) -> dict[str, list[str]]:
    return {
        word: [str(path) for path in getattr(changes, word)]
        for word in ("create", "change", "remove", "same", "edited")
    }


def _tell(changes: Plan, steps: list[str], *, only_tell: bool) -> None:
    would = "would " if only_tell else ""
    for word, done in (("create", "created"), ("change", "changed"), ("remove", "removed")):
        for path in getattr(changes, word):
            lost = " (your own edits in it are lost: keep them in a drop-in)" if path in changes.edited else ""
            print(f"{would + word if only_tell else done} {path}{lost}")
    if not changes.changes:
        print(f"nothing to do: all {len(changes.same)} files are up to date")
    elif not only_tell:
        print("\nnext:", *(f"  {step}" for step in steps), sep="\n")
