"""What the tests of bucket and uploader need again and again."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from camera_backup.bucket.bucket import S3Bucket, Timeouts
from camera_backup.bucket.checksums import digest
from camera_backup.bucket.transfer import Payload
from camera_backup.demo.store import Store
from camera_backup.settings import UploaderSettings

LONG_AGO = 1_000_000_000.0
START = datetime(2024, 1, 18, 12, tzinfo=UTC)


class HandClock:
    """A clock that a test turns by hand."""

    def __init__(self, now: datetime = START + timedelta(days=1)) -> None:
        self.wall = now
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)


def settings(root: Path, store: Store, bucket: str, **others: object) -> UploaderSettings:
    """Settings for the uploader's key, with spool and state below `root`."""
    values: dict[str, object] = {
        "spool": str(root / "spool"),
        "state": str(root / "state"),
        "bucket": bucket,
        "access_key_id": store.uploader[0],
        "secret_access_key": store.uploader[1],
        "endpoint": store.endpoint,
        "addressing_style": "path",
        "check_interval": 1.0,
    }
    return UploaderSettings(**{**values, **others})  # type: ignore[arg-type]


def connect(wanted: UploaderSettings, timeouts: Timeouts | None = None) -> S3Bucket:
    return S3Bucket.connect(wanted, timeouts or Timeouts(connect=2, read=20))


@contextmanager
def payload(content: bytes, *, md5: bool = True, smallest_part: int = 64 << 20) -> Iterator[Payload]:
    """A file with this content, as a bucket takes it."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        summed = digest(file.fileno(), md5=md5, smallest_part=smallest_part)
        yield Payload(file.fileno(), summed, {"camera": "front-door"})


def put_segment(root: Path, camera: str = "front-door", number: int = 0, content: bytes | None = None) -> Path:
    """Lay a finished, old segment into the spool; the `number`th of its camera, ten seconds apart."""
    folder = root / "spool" / camera
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{START + timedelta(seconds=10 * number):%Y%m%d_%H%M%S}.mp4"
    path.write_bytes(os.urandom(20_000) if content is None else content)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def key_of(path: Path) -> str:
    """The key that a segment belongs under."""
    return f"{path.parent.name}/2024/01/18/{path.name}"


def waiting(root: Path) -> list[str]:
    """The names of all segments in the spool."""
    return sorted(f"{path.parent.name}/{path.name}" for path in (root / "spool").glob("*/[!.]*"))


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.02)
