"""What a recorder does with the files an earlier run left open: publish what plays, quarantine what does not.

Standard library only.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from camera_backup.model import CameraName, Segment, SegmentName
from camera_backup.recorder.fmp4 import Fmp4Reader, Fragment, Init
from camera_backup.recorder.mp4_boxes import FormatError
from camera_backup.recorder.mp4_index import Index, mdat_header
from camera_backup.spool.reader import PARTIAL_SUFFIX, quarantine, sync_folder
from camera_backup.spool.writer import leftovers, publish_file

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What became of a leftover: the segment it was published as, or where it is quarantined, and why."""

    path: Path
    segment: Segment | None = None
    reason: str = ""
    end: datetime | None = None
    """When a published segment's footage ends, as far as is known."""


def salvage(camera: CameraName, folder: Path) -> Iterator[Salvaged]:
    """Deal with every leftover in a camera's folder, oldest first; OSError if the disk does not play along."""
    for path in leftovers(folder):
        try:
            name = SegmentName.parse(path.name[1:].removesuffix(PARTIAL_SUFFIX))
            with path.open("r+b") as file:
                length = close_leftover(file)
        except ValueError as error:
            yield Salvaged(quarantine(path, str(error)), reason=str(error))
        else:
            segment = publish_file(camera, path, name)
            sync_folder(folder)
            yield Salvaged(segment.path, segment, end=name.start + timedelta(seconds=length))


def close_leftover(file: BinaryIO) -> float:
    """Cut the file behind its last whole fragment and index it; return its length in seconds, 0 if it was closed.

    Raises FormatError if there is no footage in it.
    """
    if _is_closed(file):
        return 0.0
    init, end, index = None, 0, None
    for part in _parts(file):
        if isinstance(part, Init):
            if init is not None:
                break  # the index that was being written when the run ended
            init, index = part, Index(part)
        elif index is not None:
            index.add(part, part.mdat_at)
            end = part.mdat_at + len(part.mdat)
    if init is None or index is None or not end:
        raise FormatError("no footage in it")
    file.truncate(end)
    file.seek(end)
    file.write(index.moov())
    file.flush()
    os.fdatasync(file.fileno())
    free = len(init.ftyp)
    os.pwrite(file.fileno(), mdat_header(end - free), free)
    os.fsync(file.fileno())
    return index.duration()


def _is_closed(file: BinaryIO) -> bool:
    """Tell whether the last step of closing has been done: the big `mdat` header stands behind the file type."""
    (size,) = struct.unpack(">I", file.read(4).ljust(4, b"\0"))
    file.seek(size)
    closed = file.read(8) == mdat_header(0)[:8]
    file.seek(0)
    return closed


def _parts(file: BinaryIO) -> Iterator[Init | Fragment]:
    """Yield what is whole in the file; what is cut short or zeroed ends it."""
    reader = Fmp4Reader()
    try:
        while block := file.read(BLOCK):
            yield from reader.feed(block)
    except FormatError:
        return
