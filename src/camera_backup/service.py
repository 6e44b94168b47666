"""The shell of a long-running process: signals become a stop, systemd hears how it goes. Standard library only."""

import os
import random
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_signals(on_reload: Callable[[], None] | None = None) -> Iterator[threading.Event]:
    """Give a stop signal that SIGTERM and SIGINT set; SIGHUP calls `on_reload`, or is ignored without one."""
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: object) -> None:
        stop.set()

    def reload(_number: int, _frame: object) -> None:
        if on_reload is not None:
            on_reload()

    wanted = {signal.SIGTERM: ask_to_stop, signal.SIGINT: ask_to_stop, signal.SIGHUP: reload}
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Notifier:
    """Speaks systemd's notification protocol (sd_notify(3)); says nothing where nobody listens."""

    def __init__(self, address: str | None = None) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET") if address is None else address
        self._last_status = ""

    def ready(self) -> None:
        """Tell that the service has started up."""
        self._send("READY=1")

    def watchdog(self) -> None:
        """Tell that the service is alive and doing its work."""
        self._send("WATCHDOG=1")

    def allow(self, seconds: float) -> None:
        """Tell that nothing more may be heard for so long, because we wait for something that is not ours."""
        self._send(f"WATCHDOG_USEC={round(seconds * 1e6)}\nWATCHDOG=1")

    def stopping(self) -> None:
        """Tell that the service is shutting down."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Say in words what goes on, for `systemctl status`; the same words are sent once."""
        if text != self._last_status:
            self._last_status = text
            self._send("STATUS=" + text.replace("\n", " "))

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A leading '@' stands for the NUL byte of an abstract socket.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            try:
                out.sendto(message.encode(), address)
            except OSError:
                # systemd restarts a service whose watchdog message got lost; failing here would only add to it.
                return


class Backoff:
    """Growing, jittered waits between tries: `first` seconds, doubling up to `longest`, each cut by up to half."""

    def __init__(self, first: float, longest: float, jitter: Callable[[], float] = random.random) -> None:
        self._first = first
        self._longest = longest
        self._jitter = jitter
        self._next = first

    def reset(self) -> None:
        """Start again from the first wait: the last try worked."""
        self._next = self._first

    def next(self) -> float:
        """Return how many seconds to wait before the next try."""
        wait = self._next
        self._next = min(wait * 2, self._longest)
        return wait * (0.5 + self._jitter() / 2)
