"""Which processes a configuration asks for: written once, for the units and for `camera-backup run`."""

import os
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from camera_backup.config.models import Camera, Config
from camera_backup.model import CameraName
from camera_backup.settings import RecorderSettings, Sealed, UploaderSettings
from camera_backup.spool.mark import MARK

UPLOADER = "camera-uploader"

# Exit codes after which starting again cannot help: the configuration is wrong.
NO_RESTART = frozenset({os.EX_CONFIG})


@dataclass(frozen=True, slots=True)
class Process:
    """One long-running process. `arguments` follow `camera-backup` on its command line."""

    name: str
    kind: Literal["recorder", "uploader"]
    arguments: tuple[str, ...]
    camera: str | None
    description: str
    settings: Sealed
    lane: Literal["main", "sub"] | None = None


def processes(config: Config) -> tuple[Process, ...]:
    """Return a recorder for every stream of every enabled camera, in the order of the file, and the uploader last."""
    recorders = (
        _recorder(config, camera, name, url)
        for camera in config.cameras
        if camera.enabled
        for name, url in camera.lanes.items()
    )
    return (*recorders, _uploader(config))


def _recorder(config: Config, camera: Camera, name: CameraName, url: str) -> Process:
    schedule = config.schedule_of(camera)
    settings = RecorderSettings(
        camera=name,
        url=url,
        folder=str(PurePosixPath(config.storage.local_path, name)),
        segment_duration=config.recording.segment_duration,
        audio=camera.audio,
        stall_timeout=config.recording.stall_timeout,
        mark=_mark(config),
        min_free=config.storage.min_free,
        quota=config.storage.quota if camera.quota is None else camera.quota,
        clock_wait=config.time.wait,
        schedule_zone=schedule.time_zone if schedule else None,
        schedule_windows=list(schedule.windows) if schedule else [],
    )
    return Process(
        name=f"camera-recorder-{name}",
        kind="recorder",
        arguments=("record", name),
        camera=camera.name,
        lane="main" if name == camera.name else "sub",
        description=f"Record camera {name}",
        settings=settings,
    )


def _mark(config: Config) -> str:
    return str(PurePosixPath(config.storage.local_path, MARK))


def _uploader(config: Config) -> Process:
    s3, upload = config.s3, config.upload
    settings = UploaderSettings(
        spool=config.storage.local_path,
        state=config.storage.state_path,
        bucket=s3.bucket,
        access_key_id=s3.access_key_id.get_secret_value(),
        secret_access_key=s3.secret_access_key.get_secret_value(),
        session_token=s3.session_token.get_secret_value() if s3.session_token else None,
        endpoint=s3.endpoint,
        region=s3.region,
        prefix=s3.prefix,
        addressing_style=s3.addressing_style,
        storage_class=s3.storage_class,
        ca_bundle=s3.ca_bundle,
        safety_age=upload.safety_age,
        check_interval=upload.check_interval,
        delete_after_upload=upload.delete_after_upload,
        workers=upload.workers,
        mark=_mark(config),
        min_free=config.storage.min_free,
        quota=config.storage.quota,
        quotas={camera.name: camera.quota for camera in config.cameras if camera.quota is not None},
        drop_oldest=config.storage.drop_oldest,
    )
    return Process(
        name=UPLOADER,
        kind="uploader",
        arguments=("upload",),
        camera=None,
        description="Upload finished segments of all cameras",
        settings=settings,
    )
