"""Makes room in the spool, as `ladder` plans it, and keeps account of every second that is given up."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from camera_backup.catalogue.catalogue import Catalogue, Kept
from camera_backup.clock import Clock
from camera_backup.errors import CatalogueError
from camera_backup.logs import Log
from camera_backup.model import CameraName, Segment
from camera_backup.settings import UploaderSettings
from camera_backup.spool import room
from camera_backup.spool.reader import Finished, Spool, remove
from camera_backup.spool.writer import drop_record
from camera_backup.uploader.ladder import Candidate, Removal, Room, removals
from camera_backup.uploader.plan import as_kept

DROPPED = "dropped"

Found = Mapping[CameraName, Sequence[Finished]]


@dataclass(frozen=True, slots=True)
class Relieved:
    """What making room came to.

    `found` is the spool without what was deleted; copies to `release` are to be looked up in the bucket and deleted.
    """

    found: Found
    release: Mapping[Segment, Kept] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides beside the room itself.

    `kept` is safe by the catalogue and stays in the spool; `busy` tells what is being uploaded now; `silent` whether
    the bucket does not answer.
    """

    kept: Collection[Kept]
    busy: Callable[[Segment], bool]
    silent: bool


class Relief:
    """Deletes in the spool: safe copies, and what the user allows to be given up. Nothing while there is room."""

    def __init__(self, settings: UploaderSettings, spool: Spool, catalogue: Catalogue, clock: Clock) -> None:
        self._settings = settings
        self._spool = spool
        self._catalogue = catalogue
        self._clock = clock
        self._log = Log("uploader")

    def short(self) -> bool:
        """Tell whether the disk has less room than it should: cheap, for between two scans."""
        limit = self._settings.min_free
        try:
            return limit > 0 and room.disk(self._spool.root).free < limit + room.margin(limit)
        except OSError:
            return False  # the next scan says what is wrong

    def relieve(self, found: Found, circumstances: Circumstances) -> Relieved:
        """Make room where it is short."""
        planned = self._plan(found, circumstances)
        if not planned:
            return Relieved(found)
        release, gone = {}, set()
        for removal in planned:
            segment = removal.candidate.file.segment
            if not removal.candidate.safe:
                done = self._drop(removal, _end(removal.candidate.file, found[segment.camera]))
            elif circumstances.silent and self._settings.drop_oldest:
                done = self._trust(removal)
            else:
                release[segment] = as_kept(removal.candidate.file)
                continue
            if done:
                gone.add(segment)
        left = {camera: [file for file in files if file.segment not in gone] for camera, files in found.items()}
        return Relieved(left, release)

    def _plan(self, found: Found, circumstances: Circumstances) -> list[Removal]:
        settings = self._settings
        quotas = {camera: settings.quotas.get(camera, settings.quota) for camera in found}
        if not settings.min_free and not any(quotas.values()):
            return []
        try:
            free = room.disk(self._spool.root).free if settings.min_free else 0
            used = {camera: room.usage(self._spool.root / camera) for camera, quota in quotas.items() if quota}
        except OSError as error:
            self._log.warning("room in the spool unknown", error=error)
            return []
        candidates = []
        for camera, files in found.items():
            for file in files:
                if circumstances.busy(file.segment):
                    # On its way: giving up others for it would be a loss for nothing.
                    free += file.segment.size
                    used[camera] = used.get(camera, 0) - file.segment.size
                else:
                    candidates.append(Candidate(file, as_kept(file) in circumstances.kept))
        return removals(candidates, Room(free, settings.min_free, used, quotas), drop=settings.drop_oldest)

    def _trust(self, removal: Removal) -> bool:
        """Delete a copy on the catalogue's word alone: rather that than footage which never was in the bucket."""
        file = removal.candidate.file
        try:
            if as_kept(file) not in self._catalogue.kept():
                return False  # the catalogue was lost since
        except CatalogueError:
            return False
        if not self._delete(file.segment):
            return False
        try:
            self._catalogue.record_gone([as_kept(file)], self._clock.now())
        except CatalogueError as error:
            self._tell("segment removed, not recorded", file.segment, error=error)
        self._tell("copy deleted without asking the bucket, which does not answer", file.segment, cause=removal.reason)
        return True

    def _drop(self, removal: Removal, end: datetime) -> bool:
        """Give up footage that is not in the bucket: first the gap's record, then the file."""
        segment = removal.candidate.file.segment
        start = segment.name.start
        gap = {"kind": "gap", "camera": segment.camera, "start": _text(start), "end": _text(end), "cause": DROPPED}
        recorded = self._record(segment.path.parent, gap)
        if not self._delete(segment):
            return False
        if not recorded and not self._record(segment.path.parent, gap):  # there is room for it by now
            self._tell("gap not recorded", segment, start=_text(start), end=_text(end))
        seconds = (end - start).total_seconds()
        self._tell("footage given up before it was uploaded", segment, seconds=seconds, cause=removal.reason)
        return True

    def _record(self, folder: Path, gap: Mapping[str, object]) -> bool:
        try:
            drop_record(folder, gap)
        except OSError:
            return False
        return True

    def _delete(self, segment: Segment) -> bool:
        try:
            remove(segment)
        except OSError as error:
            self._tell("segment not deleted", segment, error=error)
            return False
        return True

    def _tell(self, fact: str, segment: Segment, **fields: object) -> None:
        self._log.warning(fact, camera=segment.camera, segment=segment.name, **fields)


def _end(file: Finished, files: Sequence[Finished]) -> datetime:
    """Return when a segment's footage ends: when it was last written, or when the next one starts."""
    return min(_ends(file, files), default=file.segment.name.start)


def _ends(file: Finished, files: Sequence[Finished]) -> Iterator[datetime]:
    start = file.segment.name.start
    starts = (other.segment.name.start for other in files)
    for moment in (datetime.fromtimestamp(file.modified, UTC), *starts):
        if moment > start:
            yield moment


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
