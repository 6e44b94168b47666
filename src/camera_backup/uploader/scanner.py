"""Look through the spool: what is ready, what is empty, what is kept there though it is safe."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from camera_backup.catalogue.catalogue import Catalogue, Kept
from camera_backup.clock import Clock
from camera_backup.errors import CatalogueError, SpoolError
from camera_backup.logs import Log
from camera_backup.model import CameraName, Segment
from camera_backup.spool.reader import Finished, Spool, is_being_written, quarantine
from camera_backup.uploader.plan import Moment, Past, Plan, Sighting, as_kept, plan
from camera_backup.uploader.relief import Circumstances, Found, Relief
from camera_backup.uploader.troubles import Troubles


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the uploader wants of a scan, and how it stands.

    What is finished rests for `safety_age` seconds. With `keeps`, what is safe stays in the spool and is left out.
    `busy` tells what is being uploaded, `silent` whether the bucket does not answer.
    """

    safety_age: float
    keeps: bool
    busy: Callable[[Segment], bool]
    silent: bool


class Scanner:
    """Scans the spool for the uploader and remembers from one scan to the next."""

    def __init__(self, spool: Spool, catalogue: Catalogue, clock: Clock, troubles: Troubles, relief: Relief) -> None:
        self.releasing: Mapping[Segment, Kept] = {}
        """Copies that are to be deleted once the bucket has shown again that it holds them."""
        self._relief = relief
        self._spool = spool
        self._catalogue = catalogue
        self._clock = clock
        self._troubles = troubles
        self._log = Log("uploader")
        self._sightings: Mapping[Segment, Sighting] = {}
        self._kept: set[Kept] = set()
        self._compared = False

    def scan(self, wanted: Wanted, turns: Mapping[CameraName, int]) -> Plan:
        """Make room where it is short, then return what there is to do.

        Raises SpoolError if the spool itself cannot be read; a single camera's folder that cannot is warned of.
        """
        found: Found = {camera: self._finished(camera) for camera in self._spool.cameras()}
        self._check_catalogue(found)
        relieved = self._relief.relieve(found, Circumstances(self._kept, wanted.busy, wanted.silent))
        self.releasing = relieved.release
        kept = self._kept.difference(relieved.release.values()) if wanted.keeps else ()
        moment = Moment(self._clock.now(), self._clock.monotonic())
        result = plan(relieved.found, Past(self._sightings, kept, turns), moment, wanted.safety_age)
        self._sightings = result.sightings
        for segment in result.empty:
            self._put_aside(segment)
        return result

    def keep(self, kept: Kept) -> None:
        """Leave this file out from now on: it is safe and stays."""
        self._kept.add(kept)

    def _check_catalogue(self, found: Found) -> None:
        """Open the catalogue if need be, and once, compare what it holds for kept with what is there."""
        try:
            self._catalogue.ensure()
            if self._compared:
                return
            recorded = self._catalogue.kept()
            here = {as_kept(file) for files in found.values() for file in files} if recorded else set()
            # A crash after the deletion, or a person, left these rows behind.
            self._catalogue.record_gone(recorded - here, self._clock.now())
        except CatalogueError as error:
            self._troubles.begin("catalogue", error)
            return
        self._compared = True
        self._kept |= recorded & here

    def _finished(self, camera: CameraName) -> list[Finished]:
        try:
            found = self._spool.finished(camera)
        except SpoolError as error:
            self._troubles.begin(f"folder of {camera}", error, camera=camera)
            return []
        self._troubles.end(f"folder of {camera}")
        return found

    def _put_aside(self, segment: Segment) -> None:
        about = f"empty {segment.path}"
        try:
            if is_being_written(segment.path):
                return
            kept = quarantine(segment.path, "the file is empty")
        except FileNotFoundError:
            return
        except OSError as error:
            trouble = SpoolError(error.strerror or str(error), operation="quarantine", subject=str(segment.path))
            self._troubles.begin(about, trouble, camera=segment.camera)
            return
        self._troubles.forget(about)
        self._log.warning("segment empty, put aside", camera=segment.camera, segment=segment.name, file=kept)
