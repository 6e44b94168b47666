"""Who owns what on the machine: one user per recorder, one for the uploader, and the group they share footage by."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from camera_backup.config.models import Config
from camera_backup.spool.writer import INTAKE

UPLOADER_USER = "camera-backup"
SPOOL_GROUP = "camera-spool"

_PREFIX = "camrec-"
_LONGEST = 31  # what Linux and systemd-sysusers allow
_HASH = 8


@dataclass(frozen=True, slots=True)
class CameraOwner:
    """A camera's recorder user and its spool folder."""

    name: str
    user: str
    folder: PurePosixPath

    @property
    def intake(self) -> PurePosixPath:
        """The folder for records about the footage."""
        return self.folder / INTAKE


def recorder_user(camera: str) -> str:
    """Return the recorder's user name; a long camera name is cut and told apart by a hash that never changes."""
    if len(_PREFIX + camera) <= _LONGEST:
        return _PREFIX + camera
    digest = hashlib.sha256(camera.encode()).hexdigest()[:_HASH]
    return f"{_PREFIX}{camera[: _LONGEST - len(_PREFIX) - _HASH - 1]}-{digest}"


def camera_owners(config: Config) -> tuple[CameraOwner, ...]:
    """Return the owner of every camera's footage, of cameras that rest as well: theirs may still wait for upload."""
    spool = PurePosixPath(config.storage.local_path)
    return tuple(CameraOwner(camera.name, recorder_user(camera.name), spool / camera.name) for camera in config.cameras)
