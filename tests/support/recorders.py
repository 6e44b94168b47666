"""The recorder as a real process, and what it leaves in its folder."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.frames import Frame, frame_counters
from tests.support.process import Command, running


@contextmanager
def recording(place: Path, url: str, duration: float = 2, **settings: Any) -> Iterator[Command]:
    """Record `url` into `place/front-door`; further settings as in RecorderSettings, `environment` for the process."""
    folder = place / "front-door"
    folder.mkdir(exist_ok=True)
    environment: dict[str, str] = settings.pop("environment", {})
    facts = {"camera": "front-door", "url": url, "folder": str(folder), "segment_duration": duration, **settings}
    sealed = place / "settings.json"
    sealed.write_text(json.dumps(facts))
    with running(place / "log", "record", "front-door", "--settings", str(sealed), **environment) as started:
        yield started


def segments(place: Path) -> list[Path]:
    """Return the published segments, oldest first."""
    return sorted(path for path in (place / "front-door").iterdir() if not path.name.startswith("."))


def growing(place: Path) -> list[Path]:
    """Return the segments that are being recorded, or were when the recorder ended."""
    return sorted((place / "front-door").glob(".*.part"))


def gaps(place: Path) -> list[dict[str, Any]]:
    """Return the gaps that were recorded, in order."""
    found = [json.loads(path.read_text()) for path in (place / "front-door" / ".intake").glob("[!.]*.json")]
    return sorted((item for item in found if item["kind"] == "gap"), key=lambda item: item["start"])


def frames(paths: list[Path]) -> list[Frame]:
    """Return the frames of several files, one after the other."""
    return [frame for path in paths for frame in frame_counters(path)]


def assert_unbroken(paths: list[Path]) -> None:
    """Fail unless every frame between the first and the last is there exactly once."""
    found = [frame.counter for frame in frames(paths)]
    assert found == list(range(found[0], found[0] + len(found)))
