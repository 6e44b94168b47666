"""What a file holds, in the words an S3 store answers with: computed in one pass, before anything is sent."""

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

READ_SIZE = 1 << 20
PART_SIZE = 64 << 20
_MOST_PARTS = 10_000  # S3's limit


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a file that is sent in one request: sizes in bytes, checksums in base64; `md5` only if asked for."""

    offset: int
    size: int
    crc64nvme: str
    md5: str | None


@dataclass(frozen=True, slots=True)
class Digest:
    """A whole file's size in bytes and checksum, and those of its parts, of which there is at least one."""

    size: int
    crc64nvme: str
    parts: tuple[Part, ...]

    @property
    def etag(self) -> str | None:
        """The ETag a plain store gives the object, without quotes; None if the MD5 was not computed."""
        sums = [base64.b64decode(part.md5) for part in self.parts if part.md5 is not None]
        if len(sums) != len(self.parts):
            return None
        if len(sums) == 1:
            return sums[0].hex()
        return f"{hashlib.md5(b''.join(sums), usedforsecurity=False).hexdigest()}-{len(sums)}"


def part_size(size: int, smallest: int = PART_SIZE) -> int:
    """Return how large the parts of a file of `size` bytes are: the same each time, so that ETags can be compared."""
    return max(smallest, -(-size // _MOST_PARTS))


def digest(
    descriptor: int,
    *,
    md5: bool = False,
    smallest_part: int = PART_SIZE,
    progress: Callable[[int], None] = lambda _count: None,
) -> Digest:
    """Read the open file from its start to its end, once.

    `md5` adds what stores without checksums need. `progress` hears of every read, in bytes, and stops the work by
    raising. Raises OSError. The descriptor's own position is neither used nor changed.
    """
    limit = part_size(os.fstat(descriptor).st_size, smallest_part)
    parts = [_part(descriptor, 0, limit, md5, progress)]
    while parts[-1].size == limit:
        following = _part(descriptor, parts[-1].offset + limit, limit, md5, progress)
        if not following.size:
            break
        parts.append(following)
    return Digest(sum(part.size for part in parts), _combined(parts), tuple(parts))


def crc64nvme(data: bytes) -> str:
    """Return the CRC-64/NVME of `data`, in base64."""
    from awscrt import checksums  # noqa: PLC0415 - a native library that only those load who compute

    return _base64(checksums.crc64nvme(data))


def _part(descriptor: int, offset: int, limit: int, md5: bool, progress: Callable[[int], None]) -> Part:
    from awscrt import checksums  # noqa: PLC0415 - as above

    crc, size = 0, 0
    sum_ = hashlib.md5(usedforsecurity=False) if md5 else None
    while size < limit:
        data = os.pread(descriptor, min(READ_SIZE, limit - size), offset + size)
        if not data:
            break
        crc = checksums.crc64nvme(data, crc)
        if sum_ is not None:
            sum_.update(data)
        size += len(data)
        progress(len(data))
    return Part(offset, size, _base64(crc), base64.b64encode(sum_.digest()).decode() if sum_ is not None else None)


def _combined(parts: list[Part]) -> str:
    from awscrt import checksums  # noqa: PLC0415 - as above

    crc = _number(parts[0].crc64nvme)
    for part in parts[1:]:
        crc = checksums.combine_crc64nvme(crc, _number(part.crc64nvme), part.size)
    return _base64(crc)


def _base64(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(8, "big")).decode()


def _number(crc: str) -> int:
    return int.from_bytes(base64.b64decode(crc), "big")
