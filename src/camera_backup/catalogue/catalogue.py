"""The catalogue: what is known to be safe in the bucket. One SQLite file, or a database that several hosts share.

It only ever makes work lighter. Losing it, or finding an older copy in its place, deletes nothing and uploads
nothing twice: the bucket is asked before a local file goes. So a file that cannot be read is moved aside and a new
one begun.
"""

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from camera_backup.catalogue import schema
from camera_backup.catalogue.schema import segments
from camera_backup.errors import CatalogueError
from camera_backup.logs import Log
from camera_backup.model import CameraName, Segment, SegmentName

FILE_NAME = "catalogue.db"

_UNREADABLE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_FULL = {sqlite3.SQLITE_FULL}
_PRIMARY_CODE = 0xFF

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows that a segment is safe: its object's key, and the content (CRC-64/NVME, base64) seen there.

    `modified` is when the local file with that content was last changed, in seconds since 1970.
    """

    key: str
    checksum: str
    modified: float


@dataclass(frozen=True, slots=True)
class SafeSegment:
    """A row: a segment seen safe in the bucket at `verified_at`, its local file deleted at `removed_at` if it was."""

    camera: CameraName
    name: SegmentName
    start: datetime
    size: int
    modified: float
    checksum: str
    key: str
    verified_at: datetime
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Totals:
    """How many segments of a camera were ever seen safe, and their bytes."""

    segments: int
    size: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is safe and stays in the spool, by its size in bytes and last change in seconds."""

    camera: CameraName
    name: str
    size: int
    modified: float


class Catalogue:
    """Remembers what is safe. Safe to use from several threads; every method raises CatalogueError."""

    def __init__(self, url: str, *, read_only: bool = False, log: Log | None = None) -> None:
        self._url = url
        self._path = schema.sqlite_path(url)
        self._read_only = read_only
        self._log = log or Log("catalogue")
        self._lock = threading.RLock()
        self._engine: sa.Engine | None = None
        self._inode: int | None = None
        self.began_empty = False
        """Whether the database was new or began anew in this process: then the bucket may hold more than it knows."""

    @classmethod
    def open(cls, target: str | Path, *, read_only: bool = False, log: Log | None = None) -> "Catalogue":
        """Open the database at a path or URL, creating or upgrading it unless `read_only`."""
        url = schema.sqlite_url(target) if isinstance(target, Path) else target
        catalogue = cls(url, read_only=read_only, log=log)
        catalogue.ensure()
        return catalogue

    def ensure(self) -> None:
        """Open the database if it is not open; begin a new one if its file was taken away or cannot be read."""
        with self._lock:
            if self._engine is not None and self._file_number() != self._inode:
                self._log.warning("catalogue vanished, beginning a new one", file=self._path)
                self.close()
            if self._engine is None:
                self._transaction("open", lambda _connection: None)

    def close(self) -> None:
        """Close the database; the next use opens it again."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None

    def record_verified(self, segment: Segment, proof: Proof, when: datetime) -> None:
        """Remember, durably, that `segment` was seen safe. Idempotent."""
        content = (
            segments.c.camera == segment.camera,
            segments.c.name == str(segment.name),
            segments.c.checksum == proof.checksum,
        )
        facts = {
            "size": segment.size,
            "modified": proof.modified,
            "key": proof.key,
            "verified_at": when,
            "removed_at": None,
        }
        identity = {
            "camera": segment.camera,
            "name": str(segment.name),
            "checksum": proof.checksum,
            "start": segment.name.start,
        }

        def write(connection: sa.Connection) -> None:
            if not connection.execute(sa.update(segments).where(*content).values(facts)).rowcount:
                connection.execute(sa.insert(segments).values({**identity, **facts}))

        self._transaction("write", write)

    def record_removed(self, segment: Segment, checksum: str, when: datetime) -> None:
        """Remember that the local file with this content is gone. Idempotent."""
        statement = (
            sa.update(segments)
            .where(
                segments.c.camera == segment.camera,
                segments.c.name == str(segment.name),
                segments.c.checksum == checksum,
            )
            .values(removed_at=when)
        )
        self._transaction("write", lambda connection: connection.execute(statement))

    def record_gone(self, files: Collection[Kept], when: datetime) -> None:
        """Remember that these files no longer lie in the spool, whoever removed them. Idempotent."""
        table = segments.c
        found = (table[field.name] == sa.bindparam(f"the_{field.name}") for field in fields(Kept))
        statement = sa.update(segments).where(*found, table.removed_at.is_(None)).values(removed_at=when)
        values = [{f"the_{field.name}": getattr(file, field.name) for field in fields(Kept)} for file in files]
        if values:
            self._transaction("write", lambda connection: connection.execute(statement, values))

    def verified(self, segment: Segment, checksum: str) -> SafeSegment | None:
        """Return what is known of a segment with exactly this content; None if nothing is."""
        return self._first(
            sa.select(segments).where(
                segments.c.camera == segment.camera,
                segments.c.name == str(segment.name),
                segments.c.checksum == checksum,
            )
        )

    def last_upload(self, camera: CameraName | None = None) -> SafeSegment | None:
        """Return what was seen safe last, of one camera or of all; None if nothing ever was."""
        statement = sa.select(segments).order_by(segments.c.verified_at.desc(), segments.c.id.desc()).limit(1)
        return self._first(statement if camera is None else statement.where(segments.c.camera == camera))

    def begun(self) -> bool:
        """Tell whether the uploader has made its tables yet; until then there is nothing to read."""
        return self._transaction("read", lambda connection: sa.inspect(connection).has_table(segments.name))

    def totals(self, camera: CameraName) -> Totals:
        """Return how much of a camera's footage was ever seen safe."""
        sums = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(segments.c.size), 0))
        statement = sums.where(segments.c.camera == camera)
        return self._transaction("read", lambda connection: Totals(*connection.execute(statement).one()))

    def kept(self) -> set[Kept]:
        """Return what is safe and, as far as is known, still lies in the spool."""
        columns = (segments.c.camera, segments.c.name, segments.c.size, segments.c.modified)
        statement = sa.select(*columns).where(segments.c.removed_at.is_(None))

        def read(connection: sa.Connection) -> set[Kept]:
            return {Kept(CameraName(row[0]), row[1], row[2], row[3]) for row in connection.execute(statement)}

        return self._transaction("read", read)

    def _first(self, statement: sa.Select[tuple[object, ...]]) -> SafeSegment | None:
        def read(connection: sa.Connection) -> SafeSegment | None:
            row = connection.execute(statement).mappings().first()
            if row is None:
                return None
            values = {field.name: row[field.name] for field in fields(SafeSegment)}
            return SafeSegment(**{**values, "name": SegmentName.parse(row["name"])})

        return self._transaction("read", read)

    def _transaction(self, operation: str, work: Callable[[sa.Connection], Result]) -> Result:
        with self._lock, self._explaining(operation):
            try:
                return self._attempt(work)
            except sa.exc.DatabaseError as error:
                if self._read_only or self._path is None or _sqlite_code(error) not in _UNREADABLE:
                    raise
                self._move_aside(self._path)
                return self._attempt(work)

    def _attempt(self, work: Callable[[sa.Connection], Result]) -> Result:
        if self._engine is None:
            self._engine = self._opened()
        with self._engine.begin() as connection:
            return work(connection)

    def _opened(self) -> sa.Engine:
        if self._path is not None and not self._read_only and not self._path.exists():
            self.began_empty = True
        engine = schema.engine(self._url, read_only=self._read_only)
        try:
            if not self._read_only:
                schema.upgrade(engine)
        except BaseException:
            engine.dispose()
            raise
        self._inode = self._file_number()
        return engine

    def _move_aside(self, path: Path) -> None:
        self.close()
        serial = 0
        while (target := path.with_name(f"{path.name}.corrupt{f'.{serial}' if serial else ''}")).exists():
            serial += 1
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(target.with_name(target.name + suffix))
        self._log.warning("catalogue unreadable, moved aside, beginning a new one", file=path, kept=target)

    def _file_number(self) -> int | None:
        if self._path is None:
            return None
        try:
            return self._path.stat().st_ino
        except OSError:
            return None

    @contextmanager
    def _explaining(self, operation: str) -> Iterator[None]:
        subject = str(self._path or sa.make_url(self._url).render_as_string(hide_password=True))
        try:
            yield
        except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
            cause = getattr(error, "orig", None) or error
            hint = "free some disk space" if _sqlite_code(error) in _FULL else ""
            if self._read_only and self._path is not None and not self._path.exists():
                hint = "it is made by the uploader's first run"
            raise CatalogueError(
                " ".join(str(cause).split()), operation=operation, subject=subject, hint=hint
            ) from error


def _sqlite_code(error: BaseException) -> int | None:
    code = getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY_CODE
