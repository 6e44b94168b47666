"""Print the JSON schema of config.yaml, so that an editor can complete and check it.

Example:
  camera-backup schema > camera-backup.schema.json
  # and as first line of config.yaml, for editors with a YAML language server:
  # yaml-language-server: $schema=camera-backup.schema.json

"""

import argparse
import json

from camera_backup.config import models as config


def configure(_parser: argparse.ArgumentParser) -> None:
    """Add nothing: there is only one schema."""


def run(_arguments: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(config.schema(), indent=2))
    return 0
