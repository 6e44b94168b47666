"""Our own commands as real processes, the way systemd starts them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.waiting import wait_for


@dataclass(frozen=True, slots=True)
class Command:
    """A running `camera-backup …`; what it says goes to a file."""

    popen: "subprocess.Popen[bytes]"
    log: Path

    def said(self) -> str:
        """Return everything it has said so far."""
        return self.log.read_text(encoding="utf-8")

    def wait_until_it_says(self, words: str, count: int = 1, seconds: float = 30) -> None:
        """Wait for the words to stand in its log so many times."""
        try:
            wait_for(lambda: self.said().count(words) >= count, f"{words!r} x {count}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said:\n{self.said()}") from None

    def kill(self) -> None:
        """End it the hard way."""
        self.popen.kill()
        self.popen.wait()

    def stop(self, seconds: float = 20) -> int:
        """Ask it to stop; return its exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(seconds)


@contextmanager
def running(log: Path, *arguments: str, **environment: str) -> Iterator[Command]:
    """Run `camera-backup ARGUMENTS…`; stopped at the end, and killed if it does not stop."""
    with log.open("ab") as out:
        popen = subprocess.Popen(
            [sys.executable, "-m", "camera_backup", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
    try:
        yield Command(popen, log)
    finally:
        if popen.poll() is None:
            popen.terminate()
            try:
                popen.wait(20)
            except subprocess.TimeoutExpired:
                popen.kill()
                popen.wait()


def command(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `camera-backup ARGUMENTS…` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "camera_backup", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def family(pid: int) -> list[int]:
    """Return `pid` and the process ids of all its descendants."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
