"""What a bucket says it holds, and whether that is the file we have. No input or output happens here."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from camera_backup.bucket.checksums import Digest
from camera_backup.errors import StorageError

_MD5_ETAG = re.compile(r"[0-9a-f]{32}(-[0-9]+)?")


class KeyTakenError(StorageError):
    """Something lies under the key already; it was left as it is."""


class MismatchError(StorageError):
    """The bucket holds, or answers, something else than what was sent."""


class Agreement(Enum):
    """How an object compares with a file."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store can do: refuse to overwrite (If-None-Match), and compute a CRC-64/NVME of its own."""

    conditional_put: bool
    checksum: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """An object, in the store's own words: size in bytes, checksum in base64, ETag without quotes; None = not told."""

    key: str
    size: int
    crc64nvme: str | None = None
    etag: str | None = None
    modified: datetime | None = None


def compare(stored: Stored, digest: Digest) -> Agreement:
    """Tell whether `stored` holds what `digest` was computed from.

    The store's checksum decides where there is one, else an ETag that is an MD5. UNKNOWN means that neither is at
    hand (also when `digest` was computed without MD5): nothing may be deleted on that.
    """
    if stored.size != digest.size:
        return Agreement.DIFFERENT
    if stored.crc64nvme is not None:
        return Agreement.SAME if stored.crc64nvme == digest.crc64nvme else Agreement.DIFFERENT
    if digest.etag is None or stored.etag is None or not _MD5_ETAG.fullmatch(stored.etag):
        return Agreement.UNKNOWN
    return Agreement.SAME if stored.etag == digest.etag else Agreement.DIFFERENT
