"""One fact, one line, with fields that can be grepped: `segment published camera=front-door size=1048576`.

Under systemd a line starts with `<N>`, its syslog level; on a terminal with the time and the level; with
$CAMERA_BACKUP_LOG_FORMAT=json each line is a JSON object. Secrets handed to `setup` never come out.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

from camera_backup.redact import redact

FORMAT_VARIABLE = "CAMERA_BACKUP_LOG_FORMAT"
LEVEL_VARIABLE = "CAMERA_BACKUP_LOG_LEVEL"

_SYSLOG = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_PLAIN_VALUE = re.compile(r"[^\s\"=]+")


class Log:
    """A logger with fields of its own, which stand on each of its lines."""

    def __init__(self, name: str, **fields: object) -> None:
        self._logger = logging.getLogger(name)
        self._name = name
        self._fields = fields

    def bind(self, **fields: object) -> "Log":
        """Return the same logger with more fields."""
        return Log(self._name, **{**self._fields, **fields})

    def debug(self, message: str, **fields: object) -> None:
        """Say what only somebody who looks for a fault wants to read."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, **fields: object) -> None:
        """Say what happened as it should."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Say what went wrong and is being dealt with."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Say what went wrong and needs a person."""
        self._write(logging.ERROR, message, fields)

    def _write(self, level: int, message: str, fields: dict[str, object]) -> None:
        self._logger.log(level, "%s", message, extra={"fields": {**self._fields, **fields}})


class LineFormatter(logging.Formatter):
    r"""Formats a record as one line of text and fields; line breaks inside are written as `\n`."""

    def __init__(self, prefix: str, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._prefix = prefix
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its line feed."""
        words = [record.getMessage(), *(f"{k}={_quoted(v)}" for k, v in _fields(record).items())]
        if record.exc_info:
            words.append(f"exception={_quoted(self.formatException(record.exc_info))}")
        line = redact(" ".join(words), self._secrets).replace("\n", "\\n").replace("\r", "\\r")
        return self._start(record) + line

    def _start(self, record: logging.LogRecord) -> str:
        if self._prefix == "syslog":
            return f"<{_SYSLOG.get(record.levelno, 6)}>"
        if self._prefix == "time":
            return f"{_moment(record):%Y-%m-%dT%H:%M:%SZ} {record.levelname.lower()} "
        return f"{record.levelname.lower()} "


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object: `time`, `level`, `message` and the fields."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """Return the JSON text, on one line."""
        document: dict[str, Any] = {
            "time": _moment(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **{key: value if isinstance(value, int | float) else str(value) for key, value in _fields(record).items()},
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        clean = {key: redact(v, self._secrets) if isinstance(v, str) else v for key, v in document.items()}
        return json.dumps(clean, ensure_ascii=False)


def setup(secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send the log to `stream` (standard error), in the format that fits where it goes."""
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(_formatter(target, tuple(secrets)))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(os.environ.get(LEVEL_VARIABLE, "info").upper())
    for chatty in ("botocore", "boto3", "urllib3", "s3transfer", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _formatter(stream: TextIO, secrets: tuple[str, ...]) -> logging.Formatter:
    if os.environ.get(FORMAT_VARIABLE) == "json":
        return JsonFormatter(secrets)
    if is_journal(stream):
        return LineFormatter("syslog", secrets)
    return LineFormatter("time", secrets)


def is_journal(stream: TextIO) -> bool:
    """Tell whether `stream` leads to the journal, by systemd's own sign: device:inode in $JOURNAL_STREAM."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = getattr(record, "fields", {})
    return fields


def _moment(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _quoted(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text if _PLAIN_VALUE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
