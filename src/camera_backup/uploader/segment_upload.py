"""Take one segment from the spool to the bucket, and let go of it only when it is proven to be there.

The order is the whole safety: content is summed up, sent where nothing lies, looked up again in the bucket,
remembered durably, and only then deleted here. Every step may be repeated, so a crash between any two of them costs
nothing but work.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from camera_backup.bucket.checksums import PART_SIZE, Digest, digest
from camera_backup.bucket.stored import Agreement, KeyTakenError, MismatchError, Stored, compare
from camera_backup.bucket.transfer import Payload
from camera_backup.catalogue.catalogue import Catalogue, Kept, Proof, SafeSegment
from camera_backup.clock import Clock
from camera_backup.errors import CatalogueError, SpoolError, StorageError
from camera_backup.logs import Log
from camera_backup.model import ObjectKey, Segment
from camera_backup.spool import reader as spool

if TYPE_CHECKING:
    from camera_backup.bucket.bucket import Bucket

Progress = Callable[[int], None]

_MOST_KEYS = 100  # in one attempt, so that a store that always says "taken" keeps nobody busy for ever


class Outcome(Enum):
    """How it went: SAFE, or why there was nothing to do yet."""

    SAFE = "safe"
    OPEN = "still open for writing"
    CHANGED = "changed meanwhile"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Finish:
    """How one attempt ended; `kept` describes the file that is safe and stays in the spool."""

    outcome: Outcome
    kept: Kept | None = None


class _ChangedError(Exception):
    """The file is not the one whose content was summed up."""


@dataclass(frozen=True, slots=True)
class _State:
    """What tells one file, and one version of it, from another."""

    device: int
    inode: int
    size: int
    modified_ns: int
    modified: float


@dataclass(frozen=True, slots=True)
class _Work:
    """One attempt: the open file, how it was when opened, and what it holds."""

    segment: Segment
    descriptor: int
    state: _State
    digest: Digest
    progress: Progress


@dataclass(frozen=True, slots=True)
class Rules:
    """How this uploader works: `prefix` of all keys, whether to `delete` what is safe, `smallest_part` in bytes."""

    prefix: str = ""
    delete: bool = True
    smallest_part: int = PART_SIZE


class SegmentUpload:
    """Uploads single segments; never tries twice. Safe to use from several threads."""

    def __init__(self, bucket: "Bucket", catalogue: Catalogue, clock: Clock, rules: Rules) -> None:
        self._bucket = bucket
        self._catalogue = catalogue
        self._clock = clock
        self._rules = rules
        self._log = Log("uploader")

    def upload(self, segment: Segment, *, look_first: bool, progress: Progress, release: bool = False) -> Finish:
        """Bring `segment` to safety.

        With `release` the file goes once it is safe, also where the rules keep it.
        `look_first` asks the bucket before sending, which spares sending what an earlier try may have brought there.
        `progress` hears of every read and stops the work by raising. Raises SpoolError, CatalogueError,
        StorageError, CredentialError and UnavailableError; the file then lies in the spool as before.
        """
        try:
            with _reading(segment.path):
                if spool.is_being_written(segment.path):
                    return Finish(Outcome.OPEN)
                with _opened(segment.path) as descriptor:
                    work = self._summed_up(segment, descriptor, progress)
                    return self._bring(work, look_first=look_first, delete=release or self._rules.delete)
        except FileNotFoundError:
            return Finish(Outcome.GONE)
        except _ChangedError:
            return Finish(Outcome.CHANGED)

    def _summed_up(self, segment: Segment, descriptor: int, progress: Progress) -> _Work:
        state = _state(os.fstat(descriptor))
        if state.size != segment.size:
            raise _ChangedError
        md5 = not self._bucket.capabilities().checksum
        summed = digest(descriptor, md5=md5, smallest_part=self._rules.smallest_part, progress=progress)
        return _Work(segment, descriptor, state, summed, progress)

    def _bring(self, work: _Work, *, look_first: bool, delete: bool) -> Finish:
        _check_unchanged(work)
        segment, state, checksum = work.segment, work.state, work.digest.crc64nvme
        stored = self._known(work) or self._place(work, look_first)
        _check_unchanged(work)
        self._catalogue.record_verified(segment, Proof(stored.key, checksum, state.modified), self._clock.now())
        self._tell("segment verified", segment, key=stored.key, checksum=checksum)
        if delete:
            self._remove(work)
            return Finish(Outcome.SAFE)
        return Finish(Outcome.SAFE, Kept(segment.camera, str(segment.name), state.size, state.modified))

    def _known(self, work: _Work) -> Stored | None:
        """Return the object that the catalogue knows of, if the bucket still holds it."""
        row = self._row(work)
        stored = self._bucket.head(row.key) if row else None
        if stored is not None and self._compare(work, stored) is Agreement.SAME:
            return stored
        if row is not None:
            self._log.warning(
                "segment no longer in the bucket, uploading it again", camera=row.camera, segment=row.name, key=row.key
            )
        return None

    def _row(self, work: _Work) -> SafeSegment | None:
        try:
            return self._catalogue.verified(work.segment, work.digest.crc64nvme)
        except CatalogueError:
            # Off-site first. Nothing is deleted as long as the catalogue takes no row.
            return None

    def _place(self, work: _Work, look_first: bool) -> Stored:
        """Return the object that holds the segment, under the first key that is free or holds it already."""
        key = ObjectKey(self._rules.prefix, work.segment.camera, work.segment.name)
        for _ in range(_MOST_KEYS):
            found = self._bucket.head(str(key)) if look_first else None
            if found is None:
                found, ours = self._put(work, str(key))
                if ours:
                    return found
            if self._holds(work, found):
                return found
            self._log.warning(
                "key holds other content, taking the next one",
                camera=work.segment.camera,
                segment=work.segment.name,
                key=key,
            )
            key = key.next()
        raise MismatchError(
            f"{_MOST_KEYS} keys all hold other content", operation="upload", subject=str(work.segment.path)
        )

    def _put(self, work: _Work, key: str) -> tuple[Stored, bool]:
        """Send the file and look it up; tell also whether it was us who put there what is there now."""
        metadata = {
            "camera": work.segment.camera,
            "start": work.segment.name.start.isoformat(),
            "crc64nvme": work.digest.crc64nvme,
        }
        began = self._clock.monotonic()
        try:
            self._bucket.put(Payload(work.descriptor, work.digest, metadata, work.progress), key)
        except KeyTakenError:
            ours = False
        else:
            ours = True
        stored = self._bucket.head(key)
        if stored is None:
            raise MismatchError("the bucket does not hold what it took", operation="verify", subject=key)
        if ours:
            self._check_ours(work, stored)
            seconds = self._clock.monotonic() - began
            self._tell("segment uploaded", work.segment, key=key, size=work.digest.size, seconds=seconds)
        return stored, ours

    def _check_ours(self, work: _Work, stored: Stored) -> None:
        agreement = self._compare(work, stored)
        if agreement is Agreement.DIFFERENT:
            raise MismatchError(
                f"the bucket holds something else than what was sent ({stored.size} bytes of {work.digest.size})",
                operation="verify",
                subject=stored.key,
            )
        if agreement is Agreement.UNKNOWN:
            raise _unprovable(stored.key)

    def _holds(self, work: _Work, found: Stored) -> bool:
        """Tell whether what already lay in the bucket is this segment."""
        agreement = self._compare(work, found)
        if agreement is Agreement.UNKNOWN and not self._bucket.capabilities().checksum:
            # Another key would be no better: this store never says anything that could be compared.
            raise _unprovable(found.key)
        return agreement is Agreement.SAME

    def _compare(self, work: _Work, stored: Stored) -> Agreement:
        agreement = compare(stored, work.digest)
        if agreement is Agreement.UNKNOWN and work.digest.etag is None:
            # Put there by something else than us, without a checksum: its ETag may tell.
            again = digest(work.descriptor, md5=True, smallest_part=self._rules.smallest_part, progress=work.progress)
            if again.crc64nvme != work.digest.crc64nvme:
                raise _ChangedError
            agreement = compare(stored, again)
        return agreement

    def _remove(self, work: _Work) -> None:
        _check_unchanged(work)
        try:
            spool.remove(work.segment)
        except OSError as error:
            raise SpoolError(
                error.strerror or str(error), operation="delete", subject=str(work.segment.path)
            ) from error
        try:
            self._catalogue.record_removed(work.segment, work.digest.crc64nvme, self._clock.now())
        except CatalogueError as error:
            # The segment is safe and its row says so; only that it no longer lies here is not written down.
            self._tell("segment removed, not recorded", work.segment, error=error)

    def _tell(self, fact: str, segment: Segment, **fields: object) -> None:
        self._log.info(fact, camera=segment.camera, segment=segment.name, **fields)


def _unprovable(key: str) -> StorageError:
    return MismatchError(
        "this store tells neither a checksum nor an MD5, so nothing can be proven and nothing is deleted",
        operation="verify",
        subject=key,
        hint="turn off server-side encryption with a key of your own, or use another store",
    )


def _check_unchanged(work: _Work) -> None:
    """Make sure that the name still stands for the very file that was read, in the same state."""
    if _state(work.segment.path.lstat()) != work.state:
        raise _ChangedError


def _state(status: os.stat_result) -> _State:
    return _State(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_mtime)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    # Recorders are not trusted: no link leads us elsewhere, no pipe holds us up.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _ChangedError
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SpoolError(error.strerror or str(error), operation="read", subject=str(path)) from error
