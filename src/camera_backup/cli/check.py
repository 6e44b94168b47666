"""Try everything once: configuration, ffmpeg, disk, every camera, the bucket and our rights in it.

Example: sudo camera-backup check
"""

import argparse
import json
import sys
from pathlib import Path

from camera_backup.check import Finding, check
from camera_backup.cli import exit_code
from camera_backup.config_file import DEFAULT_PATH, load


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print every finding; the exit code is that of the first failure."""
    config = load(arguments.config)
    findings = [Finding("config", f"{arguments.config} is valid, {len(config.cameras)} camera(s)")]
    if not arguments.json:
        _print(findings[0])
    for finding in check(config):
        findings.append(finding)
        if not arguments.json:
            _print(finding)
    if arguments.json:
        json.dump([{"subject": f.subject, "ok": f.error is None, "message": f.message} for f in findings], sys.stdout)
        print()
    return next((exit_code(f.error) for f in findings if f.error is not None), 0)


def _print(finding: Finding) -> None:
    print(f"{'FAILED' if finding.error else 'ok':<6}  {finding.subject}: {finding.message}", flush=True)
