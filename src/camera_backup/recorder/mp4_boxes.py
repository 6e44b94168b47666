"""The boxes that an MP4 file is made of (ISO/IEC 14496-12, 4.2): a size, a type of four letters, and a payload.

Standard library only.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = struct.Struct(">I4s")


class FormatError(ValueError):
    """The bytes are not the fragmented MP4 they should be."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box inside some bytes: its type, and where it, its payload and its end are."""

    kind: bytes
    start: int
    payload: int
    end: int


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes that lie one behind the other in `data[start:end]`; raises FormatError."""
    end = len(data) if end is None else end
    while start < end:
        if end - start < HEADER.size:
            raise FormatError("a box is cut short")
        size, kind = HEADER.unpack_from(data, start)
        payload = start + HEADER.size
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, payload)
            payload += 8
        if size < payload - start or start + size > end:
            raise FormatError("a box is larger than what holds it")
        yield Box(kind, start, payload, start + size)
        start += size


def find(data: bytes, path: str, within: Box | None = None) -> Box:
    """Return the first box at a path like `mdia/minf/stbl`; raises FormatError if there is none."""
    for kind in path.encode().split(b"/"):
        start, end = (within.payload, within.end) if within else (0, len(data))
        within = next((box for box in boxes(data, start, end) if box.kind == kind), None)
        if within is None:
            raise FormatError(f"there is no {kind.decode()} box")
    if within is None:
        raise FormatError("an empty path")
    return within


def make_box(kind: bytes, *parts: bytes) -> bytes:
    """Return a box of that kind around the parts."""
    payload = b"".join(parts)
    return struct.pack(">I4s", len(payload) + 8, kind) + payload


def full_box(kind: bytes, version: int, payload: bytes, flags: int = 0) -> bytes:
    """Return a box that starts with a version and flags."""
    return make_box(kind, struct.pack(">I", version << 24 | flags), payload)
