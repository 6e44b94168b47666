"""Where footage is missing, and why: a record for every gap, also over restarts. Standard library only.

`.footage.json` in the camera's folder holds until when there is footage, and what ended it if it has ended.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from camera_backup.clock import Clock
from camera_backup.logs import Log
from camera_backup.model import CameraName
from camera_backup.spool.writer import drop_record, replace_file

STATE = ".footage.json"
RESTART = "recorder-restart"
PLANNED = frozenset({"schedule"})  # causes that are as the user wants it
SHORTEST = 1.0  # seconds; footage never joins more closely than the camera's key frames do


class GapLog:
    """Keeps account of one camera's gaps."""

    def __init__(self, camera: CameraName, folder: Path, clock: Clock, log: Log) -> None:
        self._camera = camera
        self._folder = folder
        self._clock = clock
        self._log = log
        self._until: datetime | None = None
        self._cause: str | None = None
        self._open = False
        self._begun = False
        self._unsaved = False
        self._unrecorded: list[dict[str, object]] = []
        self._told = False

    def begin(self) -> None:
        """Read what an earlier run left, once; raises OSError if the disk does not play along.

        What kept us from reading it until now may be known already, and is the cause unless that run left one.
        """
        if self._begun:
            return
        try:
            state = json.loads((self._folder / STATE).read_text(encoding="utf-8"))
            self._until = datetime.fromisoformat(state["until"]).astimezone(UTC)
            self._cause = str(state["cause"] or self._cause or RESTART)
            self._open = True
        except FileNotFoundError:
            self._log.debug("no account of earlier footage")
        except (ValueError, KeyError, TypeError) as error:
            self._log.warning("the account of earlier footage is unreadable", error=error)
        self._begun = True

    def _try_to_begin(self) -> None:
        try:
            self.begin()
        except OSError as error:
            self._log.debug("the account of earlier footage cannot be read yet", error=error)

    def footage(self, until: datetime) -> None:
        """Note that there is footage up to `until`."""
        if self._until is None or until > self._until:
            self._until = until
            self._unsaved = True
        self.settle()

    def lost(self, cause: str, *, write: bool = True, dated: bool = True) -> None:
        """Note that there is no footage from now on; the first cause of a gap is the one that counts.

        What is planned and what is not are gaps of their own. Without `write` it is only remembered: there may be no
        spool to write to. Without `dated`, nobody knows when now is.
        """
        if write:
            self._try_to_begin()
        if self._open:
            if not dated or (cause in PLANNED) == (self._cause in PLANNED):
                return
            self._record(self._clock.now())
            self._until = self._clock.now()
        elif self._until is None and not dated:
            return
        self._until = self._until or self._clock.now()
        self._cause = cause
        self._open = True
        self._unsaved = True
        if write:
            self.settle()

    def resumed(self, start: datetime) -> None:
        """Note that there is footage again from `start`: the gap, if there was one, is recorded."""
        if not self._open:
            return
        self._open = False
        self._record(start)
        self._cause = None
        self.settle()

    def _record(self, start: datetime) -> None:
        """Record the gap that is open, up to `start`."""
        until, cause = self._until, self._cause
        if until is None or (start - until).total_seconds() < SHORTEST:
            return
        document: dict[str, object] = {
            "kind": "gap",
            "camera": self._camera,
            "start": _text(until),
            "end": _text(start),
            "cause": cause,
        }
        self._unrecorded.append(document)
        seconds = (start - until).total_seconds()
        tell = self._log.info if cause in PLANNED else self._log.warning
        tell("footage is missing", cause=cause, start=_text(until), end=_text(start), seconds=seconds)

    def settle(self) -> None:
        """Write down what has not been so far; where the disk does not take it, footage goes on and this waits."""
        try:
            while self._unrecorded:
                drop_record(self._folder, self._unrecorded[0])
                del self._unrecorded[0]
            if self._unsaved and self._until is not None:
                replace_file(self._folder / STATE, json.dumps({"until": _text(self._until), "cause": self._cause}))
                self._unsaved = False
        except OSError as error:
            if not self._told:
                self._log.warning("gaps cannot be written down yet", error=error)
            self._told = True
        else:
            self._told = False


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
