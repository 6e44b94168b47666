"""systemd's end of the notification protocol."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import wait_for


class Notifications:
    """What a service has told systemd, with when it came, in seconds since 1970."""

    def __init__(self, address: Path) -> None:
        self.address = str(address)
        self.heard: list[tuple[float, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(0.1)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._over.set()
        self._thread.join()
        self._socket.close()

    def times(self, start: str) -> list[float]:
        """Return when messages came that start like this."""
        return [when for when, words in self.heard if words.startswith(start)]

    def wait(self, start: str, seconds: float = 30) -> float:
        """Wait for a message that starts like this; return when the first one came."""
        return wait_for(lambda: self.times(start), start, seconds)[0]

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                message = self._socket.recv(4096).decode()
            except TimeoutError:
                continue
            self.heard += [(time.time(), line) for line in message.splitlines()]


@contextmanager
def notifications(folder: Path) -> Iterator[Notifications]:
    """Listen at `folder/notify`."""
    listening = Notifications(folder / "notify")
    try:
        yield listening
    finally:
        listening.close()
