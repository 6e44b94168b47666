"""Prepare this machine: system user and group, folders, and a configuration template. Can be run again safely.

Examples:
  sudo camera-backup-install
  sudo camera-backup-install --dry-run
  sudo camera-backup-install --uninstall      units go; configuration and footage stay

"""

import argparse
from pathlib import Path

from camera_backup.units import installation
from camera_backup.units.system_files import root_folder


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--root", metavar="DIR", type=root_folder, default="/", help="write below DIR instead of /")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    parser.add_argument("--uninstall", action="store_true", help="stop and remove the units and their sealed settings")
    parser.add_argument("--purge", action="store_true", help="uninstall, and remove configuration and catalogue too")


def run(arguments: argparse.Namespace) -> int:
    """Install or uninstall."""
    if arguments.uninstall or arguments.purge:
        return _uninstall(arguments.root, purge=arguments.purge, dry_run=arguments.dry_run)
    return _install(arguments.root, dry_run=arguments.dry_run)


def _install(root: Path, *, dry_run: bool) -> int:
    files = installation.install(root, dry_run=dry_run)
    for path in (*files.create, *files.change):
        print(f"{'would write' if dry_run else 'wrote'} {path}")
    if not files.changes:
        print("everything is already there")
    elif dry_run:
        print("would create the user camera-backup, the group camera-spool and their folders")
        return 0
    if installation.CONFIG in files.create:
        print(f"\nnext:\n  put your cameras and bucket into {installation.CONFIG}\n  camera-backup-generate")
    else:
        print(f"kept {installation.CONFIG}\n\nnext:\n  camera-backup-generate")
    return 0


def _uninstall(root: Path, *, purge: bool, dry_run: bool) -> int:
    removal = installation.plan_removal(root, purge=purge)
    if not dry_run:
        installation.uninstall(root, removal)
    gone = [*removal.files.remove, *removal.state, *(() if removal.config_stays else (installation.CONFIG,))]
    for path in gone:
        print(f"{'would remove' if dry_run else 'removed'} {path}")
    if not gone:
        print("nothing of camera-backup is installed here")
    if removal.config_stays:
        print(f"kept {installation.CONFIG}")
    print(f"kept all footage, in {removal.footage}")
    print("kept the users camera-backup and camrec-…, because the footage is theirs")
    return 0
