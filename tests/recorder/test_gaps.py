import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from camera_backup.logs import Log
from camera_backup.model import CameraName
from camera_backup.recorder.gaps import GapLog
from tests.support.clocks import SetClock
from tests.support.small_disk import fill, small_disk

NOON = datetime(2024, 1, 18, 12, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOON

    def monotonic(self) -> float:
        return 0.0


def gap_log(folder: Path) -> GapLog:
    log = GapLog(CameraName("front-door"), folder, FixedClock(), Log("test"))
    log.begin()
    return log


def recorded(folder: Path) -> list[tuple[str, str, str]]:
    found = [json.loads(path.read_text()) for path in (folder / ".intake").glob("*.json")]
    assert all((item["schema"], item["kind"], item["camera"]) == (1, "gap", "front-door") for item in found)
    return sorted((item["start"], item["end"], item["cause"]) for item in found)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_gap_is_recorded_when_footage_is_back_with_what_began_it(tmp_path: Path) -> None:
    log = gap_log(tmp_path)
    log.footage(after(10))
    log.lost("stalled")
    log.lost("refused")
    assert not (tmp_path / ".intake").exists()
    log.resumed(after(25.5))
    assert recorded(tmp_path) == [("2024-01-18T12:00:10.000Z", "2024-01-18T12:00:25.500Z", "stalled")]


def test_footage_that_goes_on_is_no_gap(tmp_path: Path) -> None:
    log = gap_log(tmp_path)
    log.resumed(after(0))
    log.footage(after(10))
    log.resumed(after(10))
    log.lost("ended")
    log.resumed(after(10.9))
    assert not (tmp_path / ".intake").exists()


def test_a_gap_over_a_restart_is_recorded(tmp_path: Path) -> None:
    gap_log(tmp_path).footage(after(10))
    gap_log(tmp_path).resumed(after(40))
    assert recorded(tmp_path) == [("2024-01-18T12:00:10.000Z", "2024-01-18T12:00:40.000Z", "recorder-restart")]


def test_a_restart_while_the_camera_is_away_keeps_the_first_cause(tmp_path: Path) -> None:
    first = gap_log(tmp_path)
    first.footage(after(10))
    first.lost("refused")
    again = gap_log(tmp_path)
    again.lost("timeout")
    again.resumed(after(40))
    assert recorded(tmp_path) == [("2024-01-18T12:00:10.000Z", "2024-01-18T12:00:40.000Z", "refused")]


def test_a_camera_that_never_was_there_is_a_gap_from_the_first_try(tmp_path: Path) -> None:
    log = gap_log(tmp_path)
    log.lost("refused")
    log.resumed(after(7))
    assert recorded(tmp_path) == [("2024-01-18T12:00:00.000Z", "2024-01-18T12:00:07.000Z", "refused")]


def test_each_gap_is_recorded_once(tmp_path: Path) -> None:
    log = gap_log(tmp_path)
    log.footage(after(10))
    for start in (20, 30):
        log.lost("ended")
        log.resumed(after(start))
        log.resumed(after(start + 1))
        log.footage(after(start + 5))
    assert [gap[:2] for gap in recorded(tmp_path)] == [
        ("2024-01-18T12:00:10.000Z", "2024-01-18T12:00:20.000Z"),
        ("2024-01-18T12:00:25.000Z", "2024-01-18T12:00:30.000Z"),
    ]


def test_a_clock_set_back_makes_no_gap_of_negative_length(tmp_path: Path) -> None:
    log = gap_log(tmp_path)
    log.footage(after(3600))
    log.lost("ended")
    log.resumed(after(0))
    assert not (tmp_path / ".intake").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"until": "yesterday", "cause": null}', '{"until": 5, "cause": 5}'])
def test_an_unreadable_account_is_no_reason_to_fail(tmp_path: Path, text: str) -> None:
    (tmp_path / ".footage.json").write_text(text)
    log = gap_log(tmp_path)
    log.lost("refused")
    log.resumed(after(5))
    assert len(recorded(tmp_path)) == 1


def test_a_disk_without_room_for_the_account_stops_nothing_and_gets_it_later(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        log = gap_log(disk)
        ballast = fill(disk, leave=0)
        log.footage(after(10))
        log.lost("disk-full")
        log.resumed(after(20))
        log.lost("stalled")
        assert recorded(disk) == []
        assert list(disk.glob(".*.new")) == []
        ballast.unlink()
        log.settle()
        assert recorded(disk) == [("2024-01-18T12:00:10.000Z", "2024-01-18T12:00:20.000Z", "disk-full")]
        gap_log(disk).resumed(after(40))
        assert recorded(disk)[1:] == [("2024-01-18T12:00:10.000Z", "2024-01-18T12:00:40.000Z", "stalled")]


def test_what_is_not_to_be_written_is_remembered(tmp_path: Path) -> None:
    log = GapLog(CameraName("front-door"), tmp_path, FixedClock(), Log("test"))
    log.lost("no-spool", write=False)
    assert list(tmp_path.iterdir()) == []
    log.begin()
    log.resumed(after(5))
    assert recorded(tmp_path) == [("2024-01-18T12:00:00.000Z", "2024-01-18T12:00:05.000Z", "no-spool")]


def test_what_is_planned_and_what_is_not_are_gaps_of_their_own(tmp_path: Path) -> None:
    clock = SetClock(after(0))
    log = GapLog(CameraName("front-door"), tmp_path, clock, Log("test"))
    log.begin()
    log.footage(after(0))
    for seconds, cause in ((0, "refused"), (10, "timeout"), (20, "schedule"), (30, "schedule"), (40, "stalled")):
        clock.wall = after(seconds)
        log.lost(cause)
    log.resumed(after(50))
    assert recorded(tmp_path) == [
        ("2024-01-18T12:00:00.000Z", "2024-01-18T12:00:20.000Z", "refused"),
        ("2024-01-18T12:00:20.000Z", "2024-01-18T12:00:40.000Z", "schedule"),
        ("2024-01-18T12:00:40.000Z", "2024-01-18T12:00:50.000Z", "stalled"),
    ]


def test_a_recorder_that_starts_outside_its_schedule_keeps_the_account_of_what_was_before(tmp_path: Path) -> None:
    gap_log(tmp_path).footage(after(-60))
    again = GapLog(CameraName("front-door"), tmp_path, FixedClock(), Log("test"))
    again.lost("schedule")
    again.resumed(after(30))
    assert recorded(tmp_path) == [
        ("2024-01-18T11:59:00.000Z", "2024-01-18T12:00:00.000Z", "recorder-restart"),
        ("2024-01-18T12:00:00.000Z", "2024-01-18T12:00:30.000Z", "schedule"),
    ]


def test_a_moment_nobody_can_date_begins_no_gap_and_parts_none(tmp_path: Path) -> None:
    log = gap_log(tmp_path)
    log.lost("refused", dated=False)
    log.resumed(after(3600))
    assert not (tmp_path / ".intake").exists()
    log.footage(after(3600))
    log.lost("refused", dated=False)
    log.lost("schedule", dated=False)
    log.resumed(after(3620))
    assert recorded(tmp_path) == [("2024-01-18T13:00:00.000Z", "2024-01-18T13:00:20.000Z", "refused")]
