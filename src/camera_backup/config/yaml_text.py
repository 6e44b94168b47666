"""YAML with positions: the data of a small document, and where in the text each value stands."""

import re
from dataclasses import dataclass
from typing import Any

import yaml

Location = tuple[int | str, ...]

LARGEST = 1024 * 1024  # characters; a thousand cameras need a fifth of it
MOST_VALUES = 100_000  # once every alias is written out

_KNOWN_TOKENS = re.compile(r"'(?:[]\[{}:,?-]|<[a-z -]+>)'")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|'.*")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the text. `line` and `column` count from 1; `message` holds nothing of the values."""

    line: int
    column: int
    location: Location
    message: str


class YamlTextError(Exception):
    """The text is no usable YAML document; `finding` says where and why."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.finding = Finding(line, column, (), message)


class _Loader(yaml.SafeLoader):
    """Safe YAML that leaves dates and on/off/yes/no as the words they are: `audio: off` is not false."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError, KeyError, RecursionError):
            raise yaml.constructor.ConstructorError(None, None, "unusable value", node.start_mark) from None


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


class YamlText:
    """A parsed document: `data` is its plain values, `twice` the keys that stand in one block more than once."""

    def __init__(self, text: str) -> None:
        """Read `text`; raises YamlTextError for what is no single, modest YAML document."""
        if len(text) > LARGEST:
            raise YamlTextError(1, 1, "the file is larger than 1 MiB")
        self._node, self.data, self.twice = _parse(text)

    def position(self, location: Location) -> tuple[int, int]:
        """Return line and column, from 1, of the key or list item at `location`, or of what is nearest above it."""
        mark = None if self._node is None else self._node.start_mark
        node = self._node
        for part in location:
            step = _step(node, part)
            if step is None:
                break
            mark, node = step
        return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)

    def is_bare_key(self, location: Location) -> bool:
        """Tell whether the key at `location` has no value: often the second half of an unquoted value with a comma."""
        node = self._node
        for part in location:
            step = _step(node, part)
            if step is None:
                return False
            node = step[1]
        return isinstance(node, yaml.ScalarNode) and node.start_mark.index == node.end_mark.index


def _parse(text: str) -> tuple[yaml.Node | None, Any, tuple[Finding, ...]]:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, None, ()
        _weigh(node, {}, set())
        # Duplicates are looked for first: constructing writes merged keys (`<<`) into the nodes.
        twice = tuple(_twice(node, (), set()))
        return node, loader.construct_document(node), twice
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
        raise YamlTextError(line, column, _syntax(error)) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        raise YamlTextError(line, column, "this character is not allowed in YAML (retype the line)") from None
    except RecursionError:
        raise YamlTextError(1, 1, "blocks are nested too deeply") from None


def _syntax(error: yaml.MarkedYAMLError) -> str:
    """Say what the parser stumbled over, without what it quotes of the text."""
    kept = _KNOWN_TOKENS.findall(error.problem or "")
    problem = _QUOTED.sub(lambda match: match[0] if match[0] in kept else "…", error.problem or "")
    return f"this is not valid YAML: {problem} (check the indentation, and quote values with special characters)"


def _weigh(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    """Count the values of `node` with every alias written out; raises YamlTextError if they are too many."""
    if id(node) in known:
        return known[id(node)]
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if id(node) in above:
        raise YamlTextError(line, column, "this block contains itself")
    above.add(id(node))
    total = 1 + sum(_weigh(child, known, above) for child in _children(node))
    above.discard(id(node))
    if total > MOST_VALUES:
        raise YamlTextError(line, column, "this block is too large once its aliases are written out")
    known[id(node)] = total
    return total


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _twice(node: yaml.Node, location: Location, visited: set[int]) -> list[Finding]:
    """Find keys that stand twice in one block."""
    if id(node) in visited:
        return []
    visited.add(id(node))
    findings: list[Finding] = []
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            findings += _twice(child, (*location, index), visited)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[tuple[str, str], int] = {}
        for key, child in node.value:
            here = (*location, str(key.value) if isinstance(key, yaml.ScalarNode) else "?")
            findings += _second(key, here, lines)
            findings += _twice(child, here, visited)
    return findings


def _second(key: yaml.Node, location: Location, lines: dict[tuple[str, str], int]) -> list[Finding]:
    if not isinstance(key, yaml.ScalarNode):
        return []
    line, column = key.start_mark.line + 1, key.start_mark.column + 1
    first = lines.setdefault((key.tag, key.value), 0)
    if first:
        return [Finding(line, column, location, f"stands here twice, first on line {first} (keep one of them)")]
    lines[key.tag, key.value] = line
    return []


def _step(node: yaml.Node | None, part: int | str) -> tuple[yaml.Mark, yaml.Node] | None:
    """Return where `part` of `node` stands, and its value; of a key that stands twice, the last counts."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                return key.start_mark, value
    return None
