"""One process at a time, by a lock that the kernel lets go of when its holder dies. Standard library only."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camera_backup.errors import UnavailableError


@contextmanager
def only_one(path: Path, who: str) -> Iterator[None]:
    """Hold the lock file `path`; raises UnavailableError if another `who` holds it or it cannot be made."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise UnavailableError(error.strerror or str(error), operation="lock", subject=str(path)) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnavailableError(
                f"another {who} is running", operation="lock", subject=str(path), hint="one is enough: stop this one"
            ) from error
        yield
    finally:
        os.close(descriptor)
