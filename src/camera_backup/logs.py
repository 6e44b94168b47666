"""One fact, one line, with fields that can be grepped: `segment published camera=front-door size=1048576`.

Under systemd a line starts with `<N>`, its syslog level; on a terminal with the time and the level; with
$CAMERA_BACKUP_LOG_FORMAT=json each line is a JSON object. Secrets handed to `setup` never come out.

Lines go through the standard library's `logging`, to which libraries speak as well; after `setup_lean` they go
straight out, and a process with no such library saves the 1.3 MB that `logging` takes.
"""

import json
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple, Protocol, TextIO

from camera_backup.redact import redact

FORMAT_VARIABLE = "CAMERA_BACKUP_LOG_FORMAT"
LEVEL_VARIABLE = "CAMERA_BACKUP_LOG_LEVEL"

# The standard library's numbers.
DEBUG, INFO, WARNING, ERROR, CRITICAL = 10, 20, 30, 40, 50
_NAMES = {DEBUG: "debug", INFO: "info", WARNING: "warning", ERROR: "error", CRITICAL: "critical"}
_SYSLOG = {DEBUG: 7, INFO: 6, WARNING: 4, ERROR: 3, CRITICAL: 2}
_PLAIN_VALUE = re.compile(r"[^\s\"=]+")


class Entry(NamedTuple):
    """What a line says; `created` is in seconds since 1970, `exception` a traceback or empty."""

    level: int
    created: float
    message: str
    fields: Mapping[str, object]
    exception: str = ""


class Form(Protocol):
    """How an entry is written."""

    def line(self, entry: Entry) -> str:
        """Return the entry as one line, without its line feed."""


class Lines:
    """Where lines go that do not go through `logging`; entries below `level` are left out."""

    def __init__(self, stream: TextIO, form: Form, level: int) -> None:
        self._stream = stream
        self._form = form
        self._level = level

    def write(self, entry: Entry) -> None:
        """Write the entry, if it counts."""
        if entry.level >= self._level:
            self._stream.write(self._form.line(entry) + "\n")
            self._stream.flush()


class Log:
    """A logger with fields of its own, which stand on each of its lines."""

    lines: ClassVar[Lines | None] = None

    def __init__(self, name: str, **fields: object) -> None:
        self._name = name
        self._fields = fields

    def bind(self, **fields: object) -> "Log":
        """Return the same logger with more fields."""
        return Log(self._name, **{**self._fields, **fields})

    def debug(self, message: str, **fields: object) -> None:
        """Say what only somebody who looks for a fault wants to read."""
        self._write(DEBUG, message, fields)

    def info(self, message: str, **fields: object) -> None:
        """Say what happened as it should."""
        self._write(INFO, message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Say what went wrong and is being dealt with."""
        self._write(WARNING, message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Say what went wrong and needs a person."""
        self._write(ERROR, message, fields)

    def _write(self, level: int, message: str, fields: dict[str, object]) -> None:
        fields = {**self._fields, **fields}
        if self.lines is not None:
            self.lines.write(Entry(level, time.time(), message, fields))
            return
        import logging  # noqa: PLC0415 - a lean process never comes here

        logging.getLogger(self._name).log(level, "%s", message, extra={"fields": fields})


class TextForm:
    r"""Writes an entry as text and fields; line breaks inside become `\n`."""

    def __init__(self, prefix: str, secrets: Iterable[str] = ()) -> None:
        self._prefix = prefix
        self._secrets = tuple(secrets)

    def line(self, entry: Entry) -> str:
        """See `Form`."""
        words = [entry.message, *(f"{name}={_quoted(value)}" for name, value in entry.fields.items())]
        if entry.exception:
            words.append(f"exception={_quoted(entry.exception)}")
        line = redact(" ".join(words), self._secrets).replace("\n", "\\n").replace("\r", "\\r")
        return self._start(entry) + line

    def _start(self, entry: Entry) -> str:
        if self._prefix == "syslog":
            return f"<{_SYSLOG.get(entry.level, 6)}>"
        return f"{_moment(entry):%Y-%m-%dT%H:%M:%SZ} {_name(entry)} "


class JsonForm:
    """Writes an entry as one JSON object: `time`, `level`, `message` and the fields."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(secrets)

    def line(self, entry: Entry) -> str:
        """See `Form`."""
        document: dict[str, Any] = {
            "time": _moment(entry).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": _name(entry),
            "message": entry.message,
            **{key: value if isinstance(value, int | float) else str(value) for key, value in entry.fields.items()},
        }
        if entry.exception:
            document["exception"] = entry.exception
        clean = {key: redact(v, self._secrets) if isinstance(v, str) else v for key, v in document.items()}
        return json.dumps(clean, ensure_ascii=False)


def setup(secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send the log, libraries' lines included, to `stream` (standard error), in the format that fits where it goes."""
    import logging  # noqa: PLC0415 - a lean process never comes here

    form = _form(stream or sys.stderr, tuple(secrets))

    class Formatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            exception = self.formatException(record.exc_info) if record.exc_info else ""
            fields = getattr(record, "fields", {})
            return form.line(Entry(record.levelno, record.created, record.getMessage(), fields, exception))

    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Formatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(_level())
    for chatty in ("botocore", "boto3", "urllib3", "s3transfer", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def setup_lean(secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Do the same without `logging`, for a process that uses no library."""
    Log.lines = Lines(stream or sys.stderr, _form(stream or sys.stderr, tuple(secrets)), _level())


def _level() -> int:
    wanted = os.environ.get(LEVEL_VARIABLE, "info").lower()
    return next((number for number, name in _NAMES.items() if name == wanted), INFO)


def _form(stream: TextIO, secrets: tuple[str, ...]) -> Form:
    if os.environ.get(FORMAT_VARIABLE) == "json":
        return JsonForm(secrets)
    return TextForm("syslog" if is_journal(stream) else "time", secrets)


def is_journal(stream: TextIO) -> bool:
    """Tell whether `stream` leads to the journal, by systemd's own sign: device:inode in $JOURNAL_STREAM."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _name(entry: Entry) -> str:
    return _NAMES.get(entry.level, "info")


def _moment(entry: Entry) -> datetime:
    return datetime.fromtimestamp(entry.created, UTC)


def _quoted(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text if _PLAIN_VALUE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
