"""Texts for systemd from templates, with every value escaped so that its parser reads back exactly what went in."""

import hashlib
import re
from collections.abc import Iterable
from importlib.resources import files

import jinja2

from camera_backup.errors import ConfigError

MARKER = "[X-CameraBackup]"

_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MARKED = re.compile(r"^(?:# )?\[X-CameraBackup\]\n(?:# )?Hash=sha256:([0-9a-f]{64})$", re.MULTILINE)


def word(value: object) -> str:
    """Return `value` as one double-quoted word of a unit, tmpfiles or sysusers line.

    A command line also needs `ExecStart=:`, which leaves `$` alone. Raises ConfigError for what no line can hold.
    """
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text(escaped)}"'


def words(values: object) -> str:
    """Return one or several values as quoted words."""
    several = values if isinstance(values, Iterable) and not isinstance(values, str) else [values]
    return " ".join(word(value) for value in several)


def text(value: object) -> str:
    """Return `value` for a line that is not split into words, like Description=."""
    line = str(value)
    if _UNWRITABLE.search(line):
        raise ConfigError("a value with control characters cannot go into a unit")
    return line.replace("%", "%%")


def template(name: str) -> str:
    """Return the text of a file in templates/."""
    return (files("camera_backup") / "templates" / name).read_text(encoding="utf-8")


def render(name: str, **values: object) -> str:
    """Return templates/`name`.j2 filled in, closed by our marker, which says that the file is ours to replace."""
    return marked(_environment().get_template(f"{name}.j2").render(**values))


def marked(body: str) -> str:
    """Return `body` with our marker below it: a section that systemd skips, or a comment where there are none."""
    comment = "" if re.search(r"^\[(Unit|Service)\]$", body, re.MULTILINE) else "# "
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f"{body}\n{comment}{MARKER}\n{comment}Hash=sha256:{digest}\n"


def is_ours(found: str) -> bool:
    """Tell whether a file's text carries our marker."""
    return _MARKED.search(found) is not None


def is_edited(found: str) -> bool:
    """Tell whether somebody has changed a file of ours by hand."""
    match = _MARKED.search(found)
    if match is None:
        return False
    body = found[: match.start()].removesuffix("\n")
    return hashlib.sha256(body.encode()).hexdigest() != match[1] or found[match.end() :] != "\n"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - units are no HTML; `words` and `text` escape for systemd
        loader=jinja2.FunctionLoader(template),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"words": words, "text": text}
    return environment
