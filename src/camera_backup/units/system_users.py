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
    """A recorder's user and spool folder; `name` is the camera's, or its second stream's."""

    name: str
    user: str
    folder: PurePosixPath

    @property
    def intake(self) -> PurePosixPath:
        """The folder for records about the footage."""
        return self.folder / INTAKE


def recorder_user(camera: str) -> str:
    """Return the recorder's user name; a long camera name is cut and told apart by a hash that never changes.

    A second stream's has a `_`, which no camera's name holds: a user's name takes no dot.
    """
    name = camera.replace(".", "_")
    if len(_PREFIX + name) <= _LONGEST:
        return _PREFIX + name
    digest = hashlib.sha256(camera.encode()).hexdigest()[:_HASH]
    mark = "-" if name == camera else "_"
    return f"{_PREFIX}{name[: _LONGEST - len(_PREFIX) - _HASH - 1]}{mark}{digest}"


def camera_owners(config: Config) -> tuple[CameraOwner, ...]:
    """Return the owner of every camera's footage, of cameras that rest as well: theirs may still wait for upload."""
    spool = PurePosixPath(config.storage.local_path)
    names = [name for camera in config.cameras for name in camera.lanes]
    return tuple(CameraOwner(name, recorder_user(name), spool / name) for name in names)
