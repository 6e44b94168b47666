"""The `camera-backup` command: one module per subcommand, and the one place where errors become exit codes.

A subcommand's module has `configure(parser)`, which adds its arguments, and `run(arguments) -> int`. Only the
chosen one is imported, so that a recorder never loads what an uploader needs.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from camera_backup import __version__, errors

COMMANDS = {
    "install": "prepare this machine: user, folders, configuration template",
    "generate": "turn config.yaml into systemd units and sealed settings",
    "check": "try everything once: configuration, ffmpeg, disk, cameras, bucket",
    "run": "record and upload in the foreground, without systemd",
    "status": "show what every camera and the uploader are doing",
    "record": "record one camera (started by its unit)",
    "upload": "upload finished segments (started by its unit)",
    "demo": "see it work: a camera, a bucket and the real processes on this machine",
    "schema": "print the JSON schema of config.yaml for your editor",
}

EXIT_CODES: dict[type[errors.CameraBackupError], int] = {
    errors.UsageError: 2,
    errors.UnavailableError: os.EX_UNAVAILABLE,
    errors.SourceError: os.EX_TEMPFAIL,
    errors.SpoolError: os.EX_TEMPFAIL,
    errors.StorageError: os.EX_TEMPFAIL,
    errors.CatalogueError: os.EX_TEMPFAIL,
    errors.CredentialError: os.EX_NOPERM,
    errors.ConfigError: os.EX_CONFIG,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `camera-backup ARGV…` and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in COMMANDS:
        return _run(words[0], f"camera-backup {words[0]}", words[1:])
    overview = "\n".join(f"  {name:<10} {help_}" for name, help_ in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="camera-backup",
        usage="camera-backup COMMAND [OPTION …]",
        description="Security-camera footage safely off-site.",
        epilog=f"commands (each has --help):\n{overview}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"camera-backup {__version__}")
    parser.add_argument("command", nargs="?", metavar="COMMAND", choices=tuple(COMMANDS))
    parser.parse_args(words[:1])
    parser.print_help(sys.stderr)
    return 2


def install(argv: Sequence[str] | None = None) -> int:
    """Run `camera-backup-install`."""
    return _run("install", "camera-backup-install", list(sys.argv[1:] if argv is None else argv))


def generate(argv: Sequence[str] | None = None) -> int:
    """Run `camera-backup-generate`."""
    return _run("generate", "camera-backup-generate", list(sys.argv[1:] if argv is None else argv))


def exit_code(error: errors.CameraBackupError) -> int:
    """Return the exit code that stands for `error`."""
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)


def _run(command: str, prog: str, words: list[str]) -> int:
    module = importlib.import_module(f"camera_backup.cli.{command}")
    parser = argparse.ArgumentParser(
        prog=prog,
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.configure(parser)
    try:
        return int(module.run(parser.parse_args(words)))
    except errors.CameraBackupError as error:
        for problem in getattr(error, "problems", ()):
            print(problem, file=sys.stderr)
        print(f"{prog}: {error}", file=sys.stderr)
        return exit_code(error)
    except BrokenPipeError:
        # Whoever read our output went away (`… | head`); there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
