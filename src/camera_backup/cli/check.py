"""Try everything once: configuration, ffmpeg, disk, every camera, the bucket and our rights in it.

Example: sudo camera-backup check
"""

import argparse
import json
import os
import sys
from pathlib import Path

from camera_backup.check import Finding, check
from camera_backup.cli import exit_code
from camera_backup.config.file import DEFAULT_PATH, load

LEAST_PATIENT = (os.EX_CONFIG, os.EX_NOPERM, os.EX_UNAVAILABLE, os.EX_TEMPFAIL)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print every finding; the exit code is that of the failure that waiting helps least."""
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
    codes = {exit_code(finding.error) for finding in findings if finding.error is not None}
    return next((code for code in LEAST_PATIENT if code in codes), 1 if codes else 0)


def _print(finding: Finding) -> None:
    print(f"{'FAILED' if finding.error else 'ok':<6}  {finding.subject}: {finding.message}", flush=True)
