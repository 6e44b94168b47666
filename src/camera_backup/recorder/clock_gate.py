"""Whether this machine's clock can be relied on, and waiting for it at the start. Standard library only."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from camera_backup.clock import Clock
from camera_backup.logs import Log
from camera_backup.recorder.gates import Hold

EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)  # no clock that shows an earlier time has been set
SYNCHRONISED = 16_000_000  # μs of possible error below which the kernel's clock counts as synchronised
LOOK_AGAIN = 10.0  # seconds between two looks, once the wait is over
JUST_BOOTED = 600.0  # seconds in which a machine that has booted may still be setting its clock

TIMESYNCD = "systemd/timesync"
OTHER_SERVICES = ("chrony", "chronyd.pid", "ntpsec", "ntpd.pid", "ntpd")


class TimeSync:
    """Tells whether the clock is set: it shows a possible time, and its time service, if it has one, is content.

    A machine without a time service of its own, such as a container, gets its time from outside: nothing here would
    ever call it synchronised, so a possible time has to do. `run` is the folder of what runs.
    """

    def __init__(self, clock: Clock, run: Path = Path("/run")) -> None:
        self._clock = clock
        self._run = run
        self._content = False
        self._look_at = 0.0

    def is_set(self) -> bool:
        """Tell whether the clock can be relied on."""
        if not self.is_possible():
            return False
        if not self._content and self._clock.monotonic() >= self._look_at:
            self._content = self._service_is_content()
            self._look_at = self._clock.monotonic() + LOOK_AGAIN
        return self._content

    def look_again(self) -> None:
        """Have the next `is_set` look afresh."""
        self._look_at = 0.0

    def is_possible(self) -> bool:
        """Tell whether it can be as late as the clock shows."""
        return self._clock.now() >= EARLIEST

    def _service_is_content(self) -> bool:
        timesyncd = self._run / TIMESYNCD
        if timesyncd.is_dir():
            return (timesyncd / "synchronized").exists()
        if not any((self._run / service).exists() for service in OTHER_SERVICES):
            return True
        error = kernel_error()
        return systemd_says_synchronised() if error is None else error < SYNCHRONISED


class ClockGate:
    """Closed at the start for at most `wait` seconds, while the clock is not set.

    A possible time is only waited for on a machine that has just booted: a recorder that is started again later
    loses no footage over a time service that cannot reach its servers.
    """

    def __init__(self, sync: TimeSync, clock: Clock, wait: float, log: Log) -> None:
        self._sync = sync
        self._clock = clock
        self._log = log
        self._end = clock.monotonic() + wait
        self._passed = False

    def hold(self) -> Hold | None:
        """Return why not to record yet; None once the clock is set or has been waited for."""
        if self._passed:
            return None
        self._sync.look_again()
        now = self._clock.monotonic()  # since boot, on Linux
        if self._sync.is_set():
            self._passed = True
            return None
        if now < self._end and (now < JUST_BOOTED or not self._sync.is_possible()):
            return Hold("clock", "the clock is not set yet", min(1.0, self._end - now), planned=True)
        self._passed = True
        self._log.warning("the clock is not set: segments are tagged as unsynced until it is")
        return None


def kernel_error() -> int | None:
    """Return by how much the kernel's clock may be wrong, in μs; None where we may not ask."""
    import ctypes  # noqa: PLC0415 - most machines get by without, and it is half a megabyte

    class Timex(ctypes.Structure):
        """The beginning of `struct timex`, see adjtimex(2), with room for the rest."""

        _fields_ = (
            ("modes", ctypes.c_uint),
            ("offset", ctypes.c_long),
            ("freq", ctypes.c_long),
            ("maxerror", ctypes.c_long),
            ("rest", ctypes.c_char * 256),
        )

    timex = Timex()
    if ctypes.CDLL(None).adjtimex(ctypes.byref(timex)) < 0:
        return None
    return int(timex.maxerror)


def systemd_says_synchronised() -> bool:
    """Ask timedated, for units may not ask the kernel; where nobody answers, nothing speaks against the clock."""
    command = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.stdout.strip() != "no"
