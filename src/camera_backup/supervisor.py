"""Keeps a set of processes running in the foreground, as systemd does elsewhere; standard library only.

Each process gets its sealed settings in memory (a memfd: no secret ever lies on a disk), its output is passed on line
by line with its name in front, and it is started again with growing waits when it ends, except where that cannot help.
"""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterable
from typing import TextIO

from camera_backup.clock import Clock, Stop
from camera_backup.logs import FORMAT_VARIABLE, Log
from camera_backup.processes import NO_RESTART, Process
from camera_backup.service import Backoff
from camera_backup.settings import SETTINGS_VARIABLE

COMMAND = (sys.executable, "-m", "camera_backup")
FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
STEADY = 60.0  # after running this long, a process that ends is started again at once
TICK = 0.25
STOP_PATIENCE = 10.0

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Child:
    """One process: started, heard, started again."""

    def __init__(self, process: Process, clock: Clock, log: Log) -> None:
        self.process = process
        self.wanted = True
        self._clock = clock
        self._log = log.bind(process=process.name)
        self._backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
        self._settings = os.memfd_create("settings", os.MFD_CLOEXEC)
        os.write(self._settings, process.settings.to_json().encode())
        self._popen: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._start_at = 0.0
        self._rest = b""

    @property
    def output(self) -> int | None:
        """The descriptor its output comes from; None while it does not run."""
        return self._popen.stdout.fileno() if self._popen and self._popen.stdout else None

    def start_if_due(self) -> bool:
        """Start it if it should run and does not; tell whether it was started."""
        if not self.wanted or self._popen is not None or self._clock.monotonic() < self._start_at:
            return False
        environment = {k: v for k, v in os.environ.items() if k not in {"NOTIFY_SOCKET", "JOURNAL_STREAM"}}
        environment[SETTINGS_VARIABLE] = f"/dev/fd/{self._settings}"
        self._popen = subprocess.Popen(
            [*COMMAND, *self.process.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=(self._settings,),
            start_new_session=True,  # a terminal's Ctrl-C is for us; we stop them in order
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
        )
        self._started = self._clock.monotonic()
        return True

    def lines(self) -> list[str]:
        """Return the lines its output has brought; an end of output is the end of the process."""
        if self._popen is None or self._popen.stdout is None:
            return []
        data = os.read(self._popen.stdout.fileno(), 65536)
        *whole, self._rest = (self._rest + data).split(b"\n")
        if not data:
            whole += [self._rest] if self._rest else []
            self._rest = b""
            self._ended(self._popen.wait())
        return [line.decode("utf-8", "replace") for line in whole]

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self._popen is not None and self._popen.poll() is None:
            self._popen.send_signal(number)

    def _ended(self, code: int) -> None:
        if self._popen is not None and self._popen.stdout is not None:
            self._popen.stdout.close()
        self._popen = None
        if not self.wanted:
            return
        if code in NO_RESTART:
            self.wanted = False
            self._log.error("process gave up: trying again cannot help", exit_code=code)
            return
        if self._clock.monotonic() - self._started > STEADY:
            self._backoff.reset()
        wait = self._backoff.next()
        self._start_at = self._clock.monotonic() + wait
        self._log.warning("process ended", exit_code=code, restart_in=wait)


class Supervisor:
    """Runs the processes until told to stop; output goes to `out`."""

    def __init__(self, processes: Iterable[Process], clock: Clock, log: Log, out: TextIO) -> None:
        self._children = [Child(process, clock, log) for process in processes]
        self._clock = clock
        self._out = out
        self._width = max(len(child.process.name) for child in self._children)

    def run(self, stop: Stop, until: float | None = None) -> None:
        """Keep everything running until `stop` is set, or the monotonic clock shows `until`, or nothing is left."""
        while not stop.is_set() and any(child.wanted for child in self._children):
            if until is not None and self._clock.monotonic() >= until:
                return
            for child in self._children:
                child.start_if_due()
            self._hear(TICK)

    def end(self, kind: str | None = None) -> None:
        """Stop the processes of that kind, or all: politely, and after 10 s for good."""
        ending = [child for child in self._children if kind in {None, child.process.kind}]
        for child in ending:
            child.wanted = False
            child.signal(signal.SIGTERM)
        deadline = self._clock.monotonic() + STOP_PATIENCE
        while any(child.output is not None for child in ending):
            if self._clock.monotonic() > deadline:
                for child in ending:
                    child.signal(signal.SIGKILL)
            self._hear(TICK)

    def _hear(self, timeout: float) -> None:
        """Pass on what the children say, waiting up to `timeout` seconds for the first of it."""
        with selectors.DefaultSelector() as ready:
            for child in self._children:
                if child.output is not None:
                    ready.register(child.output, selectors.EVENT_READ, child)
            for key, _events in ready.select(timeout):
                speaker: Child = key.data
                for line in speaker.lines():
                    self._say(speaker.process.name, line)

    def _say(self, name: str, line: str) -> None:
        if os.environ.get(FORMAT_VARIABLE) == "json":
            print(line, file=self._out, flush=True)
        else:
            print(f"{name:<{self._width}} | {line}", file=self._out, flush=True)


def _die_with_parent() -> None:
    """Have the kernel end this child when its parent is killed: an orphan would go on recording unseen."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
