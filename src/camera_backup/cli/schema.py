"""Print the JSON schema of config.yaml, so that an editor can complete and check it.

Example:
  camera-backup schema > camera-backup.schema.json
  # and as first line of config.yaml, for editors with a YAML language server:
  # yaml-language-server: $schema=camera-backup.schema.json

"""

import argparse
import json

from camera_backup.config.models import schema
from camera_backup.config.reference import markdown


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--markdown", action="store_true", help="print the reference for people instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    print(markdown() if arguments.markdown else json.dumps(schema(), indent=2), end="" if arguments.markdown else "\n")
    return 0
