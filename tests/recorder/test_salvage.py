import json
from pathlib import Path

import pytest

from camera_backup.model import CameraName
from camera_backup.recorder.mp4_index import FREE
from camera_backup.recorder.salvage import Salvaged, salvage
from tests.recorder.test_segmenter import NOON, StreamClock, record
from tests.support.media import complaints, fragmented, probe

CAMERA = CameraName("front-door")


def leave(folder: Path, data: bytes, name: str = ".20240118_120000.mp4.part") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def growing(seconds: float = 4) -> bytes:
    """Return what a growing segment looks like on disk."""
    data = fragmented(seconds=seconds)
    ftyp = int.from_bytes(data[:4], "big")
    return data[:ftyp] + FREE + data[ftyp:]


def only(found: list[Salvaged]) -> Salvaged:
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("missing", [0, 1, 500, 20_000])
def test_a_file_cut_short_anywhere_is_published_up_to_its_last_whole_fragment(tmp_path: Path, missing: int) -> None:
    data = growing()
    leave(tmp_path, data[: len(data) - missing])
    found = only(list(salvage(CAMERA, tmp_path)))
    assert found.segment is not None
    assert found.segment.path.name == "20240118_120000.mp4"
    assert int(probe(found.segment.path)["video"]["nb_frames"]) >= 40 - 10 * (missing // 10_000 + 1)
    assert complaints(found.segment.path) == ""
    assert not list(tmp_path.glob(".*.part"))


def test_every_frame_of_an_uncut_file_is_kept(tmp_path: Path) -> None:
    leave(tmp_path, growing())
    found = only(list(salvage(CAMERA, tmp_path)))
    assert found.segment is not None
    assert probe(found.segment.path)["video"]["nb_frames"] == "40"


def test_zeros_after_a_power_cut_are_cut_off(tmp_path: Path) -> None:
    leave(tmp_path, growing() + bytes(8192))
    found = only(list(salvage(CAMERA, tmp_path)))
    assert found.segment is not None
    assert found.segment.size < len(growing()) + 8192
    assert complaints(found.segment.path) == ""


def test_a_file_whose_index_was_half_written_is_indexed_again(tmp_path: Path) -> None:
    (finished,) = record(tmp_path, fragmented(seconds=4), StreamClock(NOON), duration=60)
    whole = finished.segment.path.read_bytes()
    finished.segment.path.unlink()
    ftyp = int.from_bytes(whole[:4], "big")
    unpatched = whole[:ftyp] + FREE + whole[ftyp + 16 :]
    for cut in (0, 100):
        leave(tmp_path, unpatched[: len(unpatched) - cut])
        found = only(list(salvage(CAMERA, tmp_path)))
        assert found.segment is not None
        assert found.segment.path.read_bytes() == whole
        found.segment.path.unlink()


def test_a_file_that_was_closed_but_not_published_is_published_as_it_is(tmp_path: Path) -> None:
    (finished,) = record(tmp_path, fragmented(seconds=4), StreamClock(NOON), duration=60)
    whole = finished.segment.path.read_bytes()
    finished.segment.path.unlink()
    leave(tmp_path, whole)
    found = only(list(salvage(CAMERA, tmp_path)))
    assert found.segment is not None
    assert found.segment.path.read_bytes() == whole


@pytest.mark.parametrize("data", [b"", b"\0" * 4096, b"noise" * 100, fragmented()[:1000]])
def test_what_holds_no_footage_goes_to_quarantine_with_a_reason(tmp_path: Path, data: bytes) -> None:
    leave(tmp_path, data)
    found = only(list(salvage(CAMERA, tmp_path)))
    assert found.segment is None
    assert found.path.read_bytes() == data
    assert json.loads(found.path.with_name(found.path.name + ".json").read_text())["reason"] == "no footage in it"
    assert not list(tmp_path.glob("*.mp4"))


def test_a_salvaged_file_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "20240118_120000.mp4").write_bytes(b"kept")
    leave(tmp_path, growing())
    found = only(list(salvage(CAMERA, tmp_path)))
    assert found.segment is not None
    assert found.segment.path.name == "20240118_120000_1.mp4"
    assert (tmp_path / "20240118_120000.mp4").read_bytes() == b"kept"
