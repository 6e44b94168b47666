"""Where footage comes from: one module per kind of camera, all by one contract."""

from collections.abc import Callable
from typing import Protocol

from camera_backup.clock import Stop


class Source(Protocol):
    """A camera that gives a stream of fragmented MP4."""

    def run(self, sink: Callable[[bytes], bool], idle: Callable[[], None], stop: Stop) -> None:
        """Hand the stream to `sink` piece by piece until it ends or `stop` is set; `sink` tells if footage came of it.

        `idle` is called about once a second, whether or not there was footage. Raises SourceError when there is no
        footage or no more. Never sleeps before a try and never tries again: the recorder does.
        """
