"""The kinds of value config.yaml is made of, each with its check. Messages never repeat a secret."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)

from camera_backup import schedule
from camera_backup.config.credentials import KINDS, SecretReader
from camera_backup.durations import seconds
from camera_backup.errors import CredentialError
from camera_backup.model import camera_name
from camera_backup.redact import redact_url
from camera_backup.sizes import size_in_bytes

PLACEHOLDER = re.compile(r"YOUR_[A-Z0-9_]+|(?<=//)camera-ip(?=[:/]|$)|(?<=@)camera-ip(?=[:/]|$)")

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()=+@,/-]{0,512}")
_PATH_TROUBLE = re.compile(r"[\"'\\$*?\[\]]")
_LONGEST_URL = 2000
_HOUR = 3600
_DAY = 86400


@dataclass(slots=True)
class Loading:
    """What one reading of a config file carries along: where secrets are found, and what has been seen so far."""

    secrets: SecretReader = field(default_factory=SecretReader)
    inline_secret: bool = False
    camera_names: set[str] = field(default_factory=set)


def _loading(info: ValidationInfo) -> Loading:
    return info.context if isinstance(info.context, Loading) else Loading()


def _seconds(value: object) -> object:
    """Turn `90`, `1.5`, `60s`, `5m`, `1h` or `1d` into seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return seconds(value if isinstance(value, str) else "")


def _bytes(value: object) -> object:
    """Turn `1000000`, `500MB` or `2GiB` into bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return size_in_bytes(value if isinstance(value, str) else "")


def _secret(value: object, info: ValidationInfo) -> object:
    """Find the secret, whether it stands here or is referred to; an empty one is none."""
    if isinstance(value, SecretStr):
        return value
    if isinstance(value, Mapping):
        return _referred(value, _loading(info))
    if not isinstance(value, str):
        raise ValueError("must be text (put it in quotes), or one of {file: PATH}, {env: NAME}, {credential: NAME}")  # noqa: TRY004 - pydantic collects ValueErrors only
    if not value:
        raise ValueError("must not be empty")
    if not PLACEHOLDER.search(value):
        _loading(info).inline_secret = True
    return value


def _camera_url(value: object, info: ValidationInfo) -> object:
    """Find the URL like a secret; written in the file it only counts as one if it holds a password."""
    if isinstance(value, str) and redact_url(value) == value and not re.search("pass|pwd|token", value, re.IGNORECASE):
        return value
    return _secret(value, info)


def _referred(value: Mapping[Any, Any], loading: Loading) -> str:
    pairs = list(value.items())
    if len(pairs) != 1 or pairs[0][0] not in KINDS or not isinstance(pairs[0][1], str):
        raise ValueError("a secret is text, or exactly one of {file: PATH}, {env: NAME}, {credential: NAME}")
    try:
        return loading.secrets.read(*pairs[0])
    except CredentialError as error:
        raise ValueError(str(error)) from None


def _printable(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().isprintable():
        raise ValueError("must not hold line breaks, control or invisible characters")
    return secret


def _rtsp(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    if len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
        raise ValueError("must be at most 2000 characters without blanks, line breaks or control characters")
    _host_and_port(url, ("rtsp", "rtsps"), "rtsp://user:password@192.0.2.10:554/stream")
    return secret


def _endpoint(url: str) -> str:
    if len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
        raise ValueError("must be at most 2000 characters without blanks, line breaks or control characters")
    parts = _host_and_port(url, ("http", "https"), "https://s3.example.com")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be scheme, host and port only (keys go into access_key_id and secret_access_key)")
    return url


def _host_and_port(url: str, schemes: tuple[str, ...], example: str) -> SplitResult:
    """Split `url` after checking scheme, host and port; the messages hold nothing of it but known words."""
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme not in schemes:
        raise ValueError(f"must begin with {' or '.join(s + '://' for s in schemes)} (like {example})")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = "", -1
    # An unencoded '/', '?' or '#' in a password ends the host too early; what is left of it shows an '@'.
    if "@" in url and "@" not in url.partition("://")[2].partition("/")[0].partition("?")[0].partition("#")[0]:
        raise ValueError("the password's special characters must be encoded (/ as %2F, ? as %3F, # as %23, @ as %40)")
    if port in (-1, 0):
        raise ValueError("the host or port is not valid (a port is a number from 1 to 65535)")
    if not host:
        raise ValueError(f"there is no host in it (like {example})")
    if not _HOST.fullmatch(host):
        raise ValueError("the host must be a name or an address (letters, digits, '.' and '-', or IPv6 in [ ])")
    return parts


def _folder(text: str) -> str:
    """Check a path that goes into units: absolute, as short as can be, without what a unit or a shell would read."""
    if not text.startswith("/") or not text.isprintable() or _PATH_TROUBLE.search(text) or text != text.strip():
        raise ValueError("must be a path from / on, without quotes, backslashes, wildcards or control characters")
    path = PurePosixPath(text)
    if ".." in path.parts or len(text) > 1000:  # noqa: PLR2004 - PATH_MAX with room for the names below it
        raise ValueError("must not hold '..' and be at most 1000 characters")
    if path == PurePosixPath("/") or text.startswith("//"):
        raise ValueError("must be a folder of its own, not /")
    return str(path)


def _prefix(text: str) -> str:
    """Give the prefix its closing '/'."""
    if not _PREFIX.fullmatch(text):
        raise ValueError("must be at most 512 letters, digits and any of ! _ . * ' ( ) = + @ , / -")
    parts = text.removesuffix("/").split("/")
    if text and any(part in ("", ".", "..") for part in parts):
        raise ValueError("must not begin with '/' and not hold '//', '.' or '..' as a part")
    return f"{text.removesuffix('/')}/" if text else ""


def _name(text: str, info: ValidationInfo) -> str:
    name = camera_name(text)
    seen = _loading(info).camera_names
    if name in seen:
        raise ValueError(f"another camera has the name {name} already (every camera needs its own)")
    seen.add(name)
    return name


def _time_zone(text: str) -> str:
    schedule.zone(text)
    return text


def _window(text: str) -> str:
    schedule.Window.parse(text)
    return text


def _or_reference(description: str) -> WithJsonSchema:
    reference = [
        {
            "type": "object",
            "properties": {kind: {"type": "string"}},
            "required": [kind],
            "additionalProperties": False,
        }
        for kind in KINDS
    ]
    return WithJsonSchema({"description": description, "anyOf": [{"type": "string"}, *reference]})


_DURATION_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9.]+ *(s|m|min|h|d)?$"}]}
)

Secret = Annotated[
    SecretStr, BeforeValidator(_secret), AfterValidator(_printable), _or_reference("a secret, or where it is kept")
]
RtspUrl = Annotated[
    SecretStr, BeforeValidator(_camera_url), AfterValidator(_rtsp), _or_reference("rtsp:// or rtsps://")
]
Name = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"})]
Folder = Annotated[str, AfterValidator(_folder)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Prefix = Annotated[str, AfterValidator(_prefix)]
Word = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,127}\z")]
_SIZE_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? *([kKmMgGtT]?[iI]?[bB])?$"},
        ]
    }
)
Size = Annotated[int, BeforeValidator(_bytes), Field(ge=0, le=1 << 60), _SIZE_SCHEMA]
SegmentDuration = Annotated[
    float, BeforeValidator(_seconds), Field(ge=1, le=_DAY, allow_inf_nan=False), _DURATION_SCHEMA
]
Interval = Annotated[float, BeforeValidator(_seconds), Field(ge=1, le=7 * _DAY, allow_inf_nan=False), _DURATION_SCHEMA]
Wait = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=_HOUR, allow_inf_nan=False), _DURATION_SCHEMA]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
WindowText = Annotated[str, AfterValidator(_window)]
Age = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=7 * _DAY, allow_inf_nan=False), _DURATION_SCHEMA]
