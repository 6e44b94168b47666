"""The reference of config.yaml, written from the models, so that the two cannot drift apart."""

import json
from collections.abc import Iterator
from typing import Any

from camera_backup.config.models import schema

_HEAD = """# Configuration

`/etc/camera-backup/config.yaml`. This page is made from the program's own models: `camera-backup schema --markdown`.

Durations are seconds, or written like `60s`, `5m`, `1h`, `1d`. Every secret, and `rtsp_url`, may stand in the file
itself (which others must then not be able to read), or be referred to as `{file: PATH}`, `{env: NAME}` or
`{credential: NAME}` (systemd-creds). Unknown keys are errors.
"""


def markdown() -> str:
    """Return the page."""
    described = schema()
    return _HEAD + "".join(_block(name, field, described) for name, field in described["properties"].items())


def _block(name: str, field: dict[str, Any], described: dict[str, Any]) -> str:
    model, is_list = _model(field, described)
    if model is None:
        return f"\n## {name}\n\n{_sentence(field)}\n"
    rows = "".join(_rows("", model, described))
    heading = f"{name}, a list" if is_list else name
    return f"\n## {heading}\n\n{_sentence(field)}\n\n| key | default | meaning |\n|---|---|---|\n{rows}"


def _rows(prefix: str, model: dict[str, Any], described: dict[str, Any]) -> Iterator[str]:
    for key, field in model["properties"].items():
        inner, is_list = _model(field, described)
        required = key in model.get("required", ())
        default = "**required**" if required else _shown(field.get("default"))
        yield f"| `{prefix}{key}` | {default} | {_meaning(field)} |\n"
        if inner is not None:
            yield from _rows(f"{prefix}{key}.{'N.' if is_list else ''}", inner, described)


def _model(field: dict[str, Any], described: dict[str, Any]) -> tuple[dict[str, Any] | None, bool]:
    """Return the block that a field holds, if it holds one, and whether it holds a list of them."""
    for choice in (field, *field.get("anyOf", ()), *field.get("allOf", ())):
        for part, is_list in ((choice, False), (choice.get("items", {}), True)):
            if "$ref" in part:
                return described["$defs"][part["$ref"].rpartition("/")[2]], is_list
    return None, False


def _shown(default: Any) -> str:
    return "" if default in (None, "") or isinstance(default, dict) else f"`{json.dumps(default).strip(chr(34))}`"


def _meaning(field: dict[str, Any]) -> str:
    words: str = field.get("description", "")
    choices = [str(choice) for choice in field.get("enum", ())]
    return (f"{words} (one of {', '.join(f'`{choice}`' for choice in choices)})" if choices else words).replace(
        "|", "/"
    )


def _sentence(field: dict[str, Any]) -> str:
    words: str = field.get("description", "")
    return f"{words[:1].upper()}{words[1:]}."
