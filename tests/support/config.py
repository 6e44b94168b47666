"""A config.yaml for tests, as a user would write it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from camera_backup.demo.store import Store


def write_config(
    folder: Path,
    store: Store,
    bucket: str,
    cameras: dict[str, str],
    *,
    sub_urls: Mapping[str, str] = MappingProxyType({}),
    **blocks: dict[str, Any],
) -> Path:
    """Write a config for the cameras (name to URL) into `folder`, with short segments; return its path.

    `sub_urls` are the second streams of some of them.
    """
    config: dict[str, Any] = {
        "storage": {"local_path": str(folder / "segments"), "state_path": str(folder / "state")},
        "s3": {
            "endpoint": store.endpoint,
            "bucket": bucket,
            "access_key_id": store.uploader[0],
            "secret_access_key": store.uploader[1],
        },
        "cameras": [{"name": name, "rtsp_url": url} for name, url in cameras.items()],
        "recording": {"segment_duration": 5},
        "upload": {"check_interval": 2, "safety_age": 1},
    }
    for camera in config["cameras"]:
        if camera["name"] in sub_urls:
            camera["sub_url"] = sub_urls[camera["name"]]
    for name, values in blocks.items():
        config[name] = {**config.get(name, {}), **values}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    path.chmod(0o600)
    return path
