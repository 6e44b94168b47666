"""Sizes as people write them: `500MB`, `2GB`, `1.5 TiB`."""

import re

_BYTES = {"": 1, "b": 1}
_BYTES |= {f"{unit}b": 1000**power for power, unit in enumerate("kmgt", 1)}
_BYTES |= {f"{unit}ib": 1024**power for power, unit in enumerate("kmgt", 1)}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([kmgt]?i?b)?", re.IGNORECASE)


def size_in_bytes(text: str) -> int:
    """Return the size in bytes; raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    unit = (match[2] or "").lower() if match else "?"
    if match is None or unit not in _BYTES:
        raise ValueError("must be a size (bytes as a number, or like 500MB, 2GB, 1GiB)")
    return int(float(match[1]) * _BYTES[unit])
