"""What to upload now, and in which order. Pure: what lies in the spool, and the time, are handed in."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from camera_backup.catalogue.catalogue import Kept
from camera_backup.model import CameraName, Segment
from camera_backup.spool.reader import Finished


@dataclass(frozen=True, slots=True)
class Moment:
    """The same moment on both clocks: the wall's, which may step, and the monotonic one, in seconds."""

    wall: datetime
    monotonic: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """Since when, by the monotonic clock, a file has been as it is: last changed at `modified`, seconds since 1970."""

    modified: float
    since: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a scan comes to.

    `ready` is in the order of upload. `empty` holds no footage and goes to quarantine. `waiting` counts all that is
    not yet safe, ready or not. `next_ready` says in how many seconds a file now too young will be old enough; None if
    there is none. `sightings` is for the next scan.
    """

    ready: tuple[Segment, ...]
    empty: tuple[Segment, ...]
    waiting: int
    next_ready: float | None
    sightings: Mapping[Segment, Sighting]


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier scans and uploads left behind.

    `kept` is safe and stays in the spool. `turns` says when each camera was last served, as a growing number.
    """

    sightings: Mapping[Segment, Sighting] = field(default_factory=dict)
    kept: Collection[Kept] = ()
    turns: Mapping[CameraName, int] = field(default_factory=dict)


def plan(found: Mapping[CameraName, Sequence[Finished]], past: Past, moment: Moment, safety_age: float) -> Plan:
    """Decide what of `found`, each camera's oldest first, is to be uploaded once it was left alone for `safety_age` s.

    The camera that was served longest ago comes first, so that one's backlog never keeps another's segment waiting.
    """
    ready: dict[CameraName, list[Segment]] = {}
    empty, waiting, left, young = [], 0, [], {}
    for camera, files in found.items():
        for file in files:
            if past.kept and as_kept(file) in past.kept:
                continue
            waiting += 1
            remaining = safety_age - _age(file, moment)
            if remaining > 0:
                # Too young by the wall clock, which may be wrong: how long we have watched it counts as well.
                seen = _sighting(file, past.sightings.get(file.segment), moment)
                young[file.segment] = seen
                remaining = min(remaining, safety_age - (moment.monotonic - seen.since))
            if remaining > 0:
                left.append(remaining)
            elif file.segment.size == 0:
                empty.append(file.segment)
            else:
                ready.setdefault(camera, []).append(file.segment)
    return Plan(tuple(in_turn(ready, past.turns)), tuple(empty), waiting, min(left, default=None), young)


def in_turn(ready: Mapping[CameraName, Sequence[Segment]], turns: Mapping[CameraName, int]) -> list[Segment]:
    """Return all segments so that cameras take turns, the one served longest ago first."""
    cameras = sorted(ready, key=lambda camera: (turns.get(camera, -1), camera))
    rounds = max((len(segments) for segments in ready.values()), default=0)
    return [ready[camera][number] for number in range(rounds) for camera in cameras if number < len(ready[camera])]


def _age(file: Finished, moment: Moment) -> float:
    """Return how long the file has been as it is by the wall clock; a time of change in the future says nothing."""
    return max(0.0, moment.wall.timestamp() - file.modified)


def _sighting(file: Finished, before: Sighting | None, moment: Moment) -> Sighting:
    # A file of another size is another `Segment`, so only the time of change is left to compare.
    return before if before and before.modified == file.modified else Sighting(file.modified, moment.monotonic)


def as_kept(file: Finished) -> Kept:
    """Return how the catalogue describes this file, should it hold it for safe."""
    segment = file.segment
    return Kept(segment.camera, str(segment.name), segment.size, file.modified)
