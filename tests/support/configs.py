"""Configurations for tests: a good one as data, written to a file with the mode a careful user would give it."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from camera_backup.config import file as config_file
from camera_backup.config.models import Config
from camera_backup.errors import ConfigError

TODAYS_FILE = """\
storage: {local_path: /var/lib/camera-backup/segments}
s3: {access_key_id: AKIAEXAMPLE, secret_access_key: open-sesame, bucket: camera-backups, endpoint: https://s3.example.com}
cameras:
  - {name: front-door, rtsp_url: "rtsp://user:pass@host:554/stream", enabled: true}
recording: {segment_duration: 3600}
upload: {check_interval: 300, delete_after_upload: true}
"""

GOOD: Mapping[str, Any] = {
    "s3": {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "open-sesame", "bucket": "camera-backups"},
    "cameras": [
        {"name": "front-door", "rtsp_url": "rtsp://user:letmein@192.0.2.7:554/stream"},
        {"name": "garage", "rtsp_url": "rtsps://user:letmein@garage.example.com/"},
    ],
}


def good(**changes: object) -> dict[str, Any]:
    """Return the good configuration; `s3__bucket="x"` sets one value, `cameras__0__name` one of a camera."""
    data: dict[str, Any] = copy.deepcopy(dict(GOOD))
    for path, value in changes.items():
        *above, last = path.split("__")
        block: Any = data
        for part in above:
            block = block[int(part)] if part.isdigit() else block.setdefault(part, {})
        block[last] = value
    return data


def write(folder: Path, content: str | Mapping[str, Any], mode: int = 0o640) -> Path:
    """Write config.yaml into `folder`."""
    path = folder / "config.yaml"
    text = content if isinstance(content, str) else yaml.safe_dump(dict(content), sort_keys=False)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def load(folder: Path, content: str | Mapping[str, Any] | None = None) -> Config:
    """Write and load a configuration."""
    return config_file.load(write(folder, good() if content is None else content))


def problems(folder: Path, content: str | Mapping[str, Any], mode: int = 0o640) -> list[str]:
    """Return what `load` finds wrong, without the folder's name in front; none if it finds nothing."""
    path = write(folder, content, mode)
    try:
        config_file.load(path)
    except ConfigError as error:
        return [problem.replace(f"{path}:", "config.yaml:", 1) for problem in error.problems]
    return []
