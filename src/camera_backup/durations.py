"""Lengths of time as people write them: `90`, `60s`, `5m`, `1h`, `1d`."""

import re

_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(s|m|min|h|d)?")


def seconds(text: str) -> float:
    """Return the length in seconds; raises ValueError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("must be a duration (seconds as a number, or like 60s, 5m, 1h)")
    return float(match[1]) * _SECONDS[match[2] or ""]
