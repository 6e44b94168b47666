"""Waiting for what a test expects, with a deadline instead of a guess."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_for(probe: Callable[[], Found], what: str, seconds: float = 30, pause: float = 0.05) -> Found:
    """Return the first true answer of `probe`; fail the test, naming `what`, if none comes within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(pause)
    return found
