"""The sealed settings of one process: what `generate` compiles from config.yaml, and all that the process knows.

Standard library only: the recorder reads its settings with this and needs neither YAML nor pydantic.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from camera_backup.errors import ConfigError

SETTINGS_NAME = "settings.json"
SETTINGS_VARIABLE = "CAMERA_BACKUP_SETTINGS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What every process's settings have in common."""

    def to_json(self) -> str:
        """Return the settings as the JSON text that `from_json` reads."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read settings back; raises ConfigError for a text of another version or kind."""
        try:
            values: dict[str, Any] = json.loads(text)
            return cls(**values)
        except (ValueError, TypeError) as error:
            raise ConfigError(
                "the sealed settings are unreadable or of another version",
                hint="run camera-backup-generate again",
            ) from error

    @classmethod
    def load(cls, path: str | None = None) -> Self:
        """Read the settings handed to this process.

        `path` wins, then the file that $CAMERA_BACKUP_SETTINGS names (set by `camera-backup run`), then
        `settings.json` in systemd's $CREDENTIALS_DIRECTORY. Raises ConfigError if there are none.
        """
        found = path or os.environ.get(SETTINGS_VARIABLE)
        if found is None and "CREDENTIALS_DIRECTORY" in os.environ:
            found = str(Path(os.environ["CREDENTIALS_DIRECTORY"], SETTINGS_NAME))
        if found is None:
            raise ConfigError(
                "no settings were handed to this process",
                hint="start it with systemctl or with `camera-backup run`, or name a file with --settings",
            )
        try:
            return cls.from_json(Path(found).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"the sealed settings cannot be read: {error.strerror}: {found}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings(Sealed):
    """One recorder's. Durations are in seconds; `url` holds the camera's password; `folder` is its spool folder.

    `mark` is the file without which there is no spool; sizes are in bytes, 0 sets no limit.
    `schedule_windows` are as `camera_backup.schedule` reads them, in `schedule_zone`; without a zone it records always.
    """

    camera: str
    url: str = dataclasses.field(repr=False)
    folder: str
    segment_duration: float = 3600.0
    audio: str = "auto"
    stall_timeout: float = 10.0
    mark: str | None = None
    min_free: int = 0
    quota: int = 0
    clock_wait: float = 0.0
    schedule_zone: str | None = None
    schedule_windows: list[str] = dataclasses.field(default_factory=list)
    ffmpeg: str = "ffmpeg"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploaderSettings(Sealed):
    """The uploader's. Ages and intervals are in seconds; `prefix` is empty or ends with '/'.

    `mark` is the file without which there is no spool; sizes are in bytes, 0 sets no limit. `quotas` holds those of
    single cameras, `quota` that of every other.
    """

    spool: str
    state: str
    bucket: str
    access_key_id: str
    secret_access_key: str = dataclasses.field(repr=False)
    session_token: str | None = dataclasses.field(default=None, repr=False)
    endpoint: str | None = None
    region: str | None = None
    prefix: str = ""
    addressing_style: str = "auto"
    storage_class: str | None = None
    ca_bundle: str | None = None
    safety_age: float = 300.0
    check_interval: float = 300.0
    delete_after_upload: bool = True
    workers: int = 4
    mark: str | None = None
    min_free: int = 0
    quota: int = 0
    quotas: Mapping[str, int] = dataclasses.field(default_factory=dict)
    drop_oldest: bool = False
