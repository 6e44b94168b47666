"""The values everything else speaks of. No input or output happens here; every time is UTC and aware."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NewType

CameraName = NewType("CameraName", str)

SUB = ".sub"
UNSYNCED = "_unsynced"

_CAMERA_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SEGMENT_NAME = re.compile(r"([0-9]{8}_[0-9]{6})(_unsynced)?(?:_([1-9][0-9]{0,5}))?(\.[a-z0-9]{1,5})")
_START_FORMAT = "%Y%m%d_%H%M%S"


def camera_name(text: str) -> CameraName:
    """Return `text` as a camera name.

    Raises ValueError unless it is 1 to 63 characters of a-z, 0-9 and '-', not starting with '-': such a name is
    safe as a file name, part of a unit name and part of an object key.
    """
    if not _CAMERA_NAME.fullmatch(text):
        raise ValueError("a camera name is 1 to 63 characters of a-z, 0-9 and '-', and starts with a letter or digit")
    return CameraName(text)


def lane_name(text: str) -> CameraName:
    """Return `text` as the name of a camera or of its second stream, `front-door.sub`; raises ValueError.

    This is what folders, units and keys are called by. No camera's own name holds a dot, so the two never meet.
    """
    camera_name(text.removesuffix(SUB))
    return CameraName(text)


def sub_lane(camera: CameraName) -> CameraName:
    """Return what a camera's second stream is called."""
    return CameraName(f"{camera}{SUB}")


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """A segment's file name: `20240118_120000.mp4`, with `_1`, `_2`, … where the second was taken.

    `20240118_120000_unsynced.mp4` was started while the clock was not set: its time is not to be relied on.
    """

    start: datetime
    serial: int = 0
    suffix: str = ".mp4"
    unsynced: bool = False

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC:
            raise ValueError("a segment's start is in UTC")

    def __str__(self) -> str:
        tag = UNSYNCED if self.unsynced else ""
        serial = f"_{self.serial}" if self.serial else ""
        return f"{self.start:{_START_FORMAT}}{tag}{serial}{self.suffix}"

    def next(self) -> "SegmentName":
        """Return the name to try when this one is taken."""
        return replace(self, serial=self.serial + 1)

    @classmethod
    def parse(cls, text: str) -> "SegmentName":
        """Read a file name back; raises ValueError if it is not a segment's."""
        match = _SEGMENT_NAME.fullmatch(text)
        if match is None:
            raise ValueError(f"not a segment's name: {text!r}")
        start = datetime.strptime(match[1], _START_FORMAT).replace(tzinfo=UTC)
        return cls(start, int(match[3] or 0), match[4], unsynced=match[2] is not None)


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A finished piece of footage in the spool: closed, complete and durable. `size` is in bytes."""

    camera: CameraName
    name: SegmentName
    path: Path
    size: int


@dataclass(frozen=True, slots=True, order=True)
class ObjectKey:
    """Where a segment lies in the bucket: `<prefix>front-door/2024/01/18/20240118_120000.mp4`.

    The date is that of the segment's start. `prefix` is empty or ends with '/'.
    """

    prefix: str
    camera: CameraName
    name: SegmentName

    def __str__(self) -> str:
        return f"{self.prefix}{self.camera}/{self.name.start:%Y/%m/%d}/{self.name}"

    def next(self) -> "ObjectKey":
        """Return the key to try when this one holds something else."""
        return ObjectKey(self.prefix, self.camera, self.name.next())

    @classmethod
    def parse(cls, text: str, prefix: str = "") -> "ObjectKey":
        """Read a key back; raises ValueError if no segment could lie there."""
        parts = text.removeprefix(prefix).split("/")
        if not text.startswith(prefix) or len(parts) != 5:  # noqa: PLR2004 - camera, year, month, day, name
            raise ValueError(f"not a segment's key: {text!r}")
        key = cls(prefix, lane_name(parts[0]), SegmentName.parse(parts[4]))
        if str(key) != text:
            raise ValueError(f"not a segment's key: {text!r}")
        return key
