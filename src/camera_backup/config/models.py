"""What config.yaml may say. `camera_backup.config_file` reads the file; `processes` turns it into processes."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from camera_backup.config.values import (
    Age,
    Endpoint,
    Folder,
    Interval,
    Name,
    Prefix,
    RtspUrl,
    Secret,
    SegmentDuration,
    Size,
    TimeZone,
    Wait,
    WindowText,
    Word,
)
from camera_backup.model import CameraName, sub_lane


class Section(BaseModel):
    """What every block of the configuration has in common: no unknown keys, no change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_written(cls, data: Any) -> Any:
        """Take a block whose keys are all commented out for an empty one."""
        return {} if data is None else data


class Storage(Section):
    """Where footage waits on this machine, and where we keep our own books."""

    local_path: Folder = Field("/var/lib/camera-backup/segments", description="folder where footage waits for upload")
    state_path: Folder = Field("/var/lib/camera-backup", description="folder of the catalogue and of tokens")
    min_free: Size = Field(1_000_000_000, description="room that recording leaves free on the disk; 0: none")
    quota: Size = Field(0, description="most footage that each camera may keep here; 0: no limit")
    drop_oldest: bool = Field(default=False, description="on a full disk, give up the oldest footage not yet uploaded")

    @model_validator(mode="after")
    def _apart(self) -> "Storage":
        if self.local_path == self.state_path or self.state_path.startswith(f"{self.local_path}/"):
            raise ValueError("state_path must not be local_path or lie in it (give it a folder of its own)")
        return self


class S3(Section):
    """The bucket footage goes to, and the key for it."""

    access_key_id: Secret = Field(description="the access key's public half")
    secret_access_key: Secret = Field(description="the access key's secret half")
    session_token: Secret | None = Field(None, description="only for temporary keys")
    bucket: Word = Field(description="the bucket's name")
    endpoint: Endpoint | None = Field(None, description="URL of the store, where it is not Amazon")
    region: Word | None = Field(None, description="region of the bucket, as the store calls it")
    prefix: Prefix = Field("", description="put before every object's key")
    addressing_style: Literal["auto", "path", "virtual"] = Field("auto", description="bucket in the path or host name")
    storage_class: Word | None = Field(None, description="storage class of the objects, as the store calls it")
    ca_bundle: Folder | None = Field(None, description="file with the certificates of a private authority")


class Schedule(Section):
    """When to record."""

    time_zone: TimeZone = Field(description="the time zone of the windows, like Europe/Berlin")
    windows: tuple[WindowText, ...] = Field(min_length=1, description="when to record, like mon-fri 18:00-07:00")


class Camera(Section):
    """One camera."""

    name: Name = Field(description="names its folder, unit and keys: a-z, 0-9 and '-'")
    type: Literal["rtsp"] = Field("rtsp", description="kind of camera; rtsp goes without saying")
    rtsp_url: RtspUrl = Field(description="rtsp:// or rtsps:// with user, password, host and path")
    sub_url: RtspUrl | None = Field(None, description="a second stream, recorded beside the first as NAME.sub")
    enabled: bool = Field(default=True, description="false: keep the entry, but do not record")
    audio: Literal["auto", "copy", "aac", "off"] = Field(
        "auto", description="auto keeps AAC and turns the rest into it"
    )
    quota: Size | None = Field(None, description="most footage this camera may keep here; default: storage.quota")
    schedule: Schedule | None = Field(None, description="when to record; always, if there is none")

    @property
    def lanes(self) -> dict[CameraName, str]:
        """What is recorded of it, each by a recorder of its own: name → URL. The URL holds the password."""
        lanes = {CameraName(self.name): self.rtsp_url.get_secret_value()}
        if self.sub_url is not None:
            lanes[sub_lane(CameraName(self.name))] = self.sub_url.get_secret_value()
        return lanes

    @model_validator(mode="after")
    def _two_streams(self) -> "Camera":
        if self.sub_url == self.rtsp_url:
            raise ValueError("sub_url is the same as rtsp_url (name the camera's second stream, or leave it out)")
        return self


def _some(value: Any) -> Any:
    """Refuse an empty list; pydantic's own count leaves out the cameras that have errors."""
    if value is None or value == []:
        raise ValueError("the list is empty (give at least one camera; keep one that rests with enabled: false)")
    return value


Cameras = Annotated[tuple[Camera, ...], BeforeValidator(_some), Field(json_schema_extra={"minItems": 1})]


class Recording(Section):
    """How footage is cut, and when there is to be some."""

    segment_duration: SegmentDuration = Field(3600.0, description="length of a segment, 1 s to 1 day")
    stall_timeout: Interval = Field(10.0, description="reconnect to a camera that sends nothing for so long")
    schedule: Schedule | None = Field(None, description="when cameras record that have no schedule of their own")


class Upload(Section):
    """When and how footage is moved."""

    check_interval: Interval = Field(300.0, description="how often the spool is searched from end to end")
    safety_age: Age = Field(300.0, description="how long a finished segment rests before it is uploaded")
    delete_after_upload: bool = Field(default=True, description="delete the local copy once the object is verified")
    workers: int = Field(4, ge=1, le=64, strict=True, description="uploads at the same time")


class Time(Section):
    """Whether this machine's clock can be trusted."""

    wait: Wait = Field(60.0, description="how long recording waits at the start for a clock that is not set yet")


class Config(Section):
    """The whole of config.yaml."""

    storage: Storage = Field(Storage(), description="where footage waits on this machine")
    s3: S3 = Field(description="the bucket and its key")
    cameras: Cameras = Field(description="the list of cameras")
    recording: Recording = Field(Recording(), description="how footage is cut")
    upload: Upload = Field(Upload(), description="when and how footage is moved")
    time: Time = Field(Time(), description="whether this machine's clock can be trusted")

    def schedule_of(self, camera: Camera) -> Schedule | None:
        """Return when a camera records: its own schedule, or that for all; None for always."""
        return camera.schedule or self.recording.schedule


def schema() -> dict[str, Any]:
    """Return the JSON schema of config.yaml, for editors."""
    described = Config.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **described,
        "title": "camera-backup's config.yaml",
    }


def section_at(location: tuple[int | str, ...]) -> type[Section] | None:
    """Return the block that stands at pydantic's `location`: `("cameras", 1)` → Camera; None if none does."""
    blocks: dict[tuple[str, ...], type[Section]] = {
        (): Config,
        ("storage",): Storage,
        ("s3",): S3,
        ("cameras",): Camera,
        ("cameras", "schedule"): Schedule,
        ("recording", "schedule"): Schedule,
        ("time",): Time,
        ("recording",): Recording,
        ("upload",): Upload,
    }
    return blocks.get(tuple(part for part in location if isinstance(part, str)))
