"""What is wrong with a configuration, in plain words: from pydantic's findings to one line each."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from camera_backup.config.models import Config, Section, section_at
from camera_backup.config.values import PLACEHOLDER
from camera_backup.config.yaml_text import Finding, Location, YamlText

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")

_PLAIN = {
    "string_type": "must be text (put it in quotes)",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "tuple_type": "must be a list (each entry begins with '- ')",
    "too_short": "must not be empty (give at least one entry)",
    "model_type": "must be a block of keys (indented, one 'key: value' a line)",
    "dict_type": "must be a block of keys (indented, one 'key: value' a line)",
    "invalid_key": "a key must be text",
    "string_pattern_mismatch": "must be 1 to 128 letters, digits and '.', '_', '-', and begin with a letter or digit",
}


def findings(text: YamlText, error: ValidationError | None) -> list[Finding]:
    """Return everything wrong with a parsed file, in the order of its lines.

    A placeholder of the template is named as such, and nothing else is said about its value.
    """
    found = list(text.twice)
    spoken_for: set[Location] = set()
    for location, words in _placeholders(text.data, ()):
        spoken_for.add(location)
        message = f"still holds the template's {', '.join(words)} (put your own value here)"
        found.append(_finding(text, location, message))
    details = error.errors(include_url=False, include_input=False) if error else []
    found += [_explained(text, detail) for detail in details if detail["loc"] not in spoken_for]
    return sorted(found, key=lambda finding: (finding.line, finding.column))


def path_of(location: Location) -> str:
    """Write a location as `cameras.1.rtsp_url`; what does not look like a key is not repeated."""
    return ".".join(str(part) if isinstance(part, int) or _KEY.fullmatch(part) else "…" for part in location)


def _placeholders(value: object, location: Location) -> Iterator[tuple[Location, list[str]]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _placeholders(child, (*location, str(key)))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _placeholders(child, (*location, index))
    elif isinstance(value, str) and (words := PLACEHOLDER.findall(value)):
        yield location, list(dict.fromkeys(words))


def _explained(text: YamlText, detail: ErrorDetails) -> Finding:
    location = detail["loc"]
    if detail["type"] == "extra_forbidden":
        return _unknown(text, location)
    return _finding(text, location, _message(detail, location))


def _finding(text: YamlText, location: Location, message: str) -> Finding:
    line, column = text.position(location)
    return Finding(line, column, location, message)


def _message(detail: ErrorDetails, location: Location) -> str:
    context: Mapping[str, Any] = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context["error"])
        case "missing":
            return f"is missing ({_description(location)})"
        case "literal_error":
            return f"must be {context['expected']}"
        case "greater_than_equal":
            return f"must be at least {context['ge']:g}"
        case "less_than_equal":
            return f"must be at most {context['le']:g}"
        case kind:
            return _PLAIN.get(kind, detail["msg"])


def _description(location: Location) -> str:
    section = section_at(location[:-1])
    field = section.model_fields.get(str(location[-1])) if section else None
    return (field.description if field else None) or "it has no default"


def _unknown(text: YamlText, location: Location) -> Finding:
    key, section = str(location[-1]), section_at(location[:-1])
    if text.is_bare_key(location):
        # Half of an unquoted secret looks just like this, so the key is not repeated.
        message = "this key has no value (if it belongs to the value before it, put that value in quotes)"
        return replace(_finding(text, location, message), location=(*location[:-1], "…"))
    return _finding(text, location, f"is no known key ({_suggestion(key, section)})")


def _suggestion(key: str, section: type[Section] | None) -> str:
    known = list(section.model_fields) if section else []
    near = difflib.get_close_matches(key.lower().replace("-", "_"), known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    for name in Config.model_fields:
        block = section_at((name,))
        if block is not None and key in block.model_fields:
            return f"it belongs under {name}"
    return f"known here: {', '.join(known)}" if known else "remove it"
