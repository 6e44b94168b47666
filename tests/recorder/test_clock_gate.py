from datetime import UTC, datetime
from pathlib import Path

import pytest

from camera_backup.logs import Log
from camera_backup.recorder import clock_gate
from camera_backup.recorder.clock_gate import ClockGate, TimeSync, kernel_error, systemd_says_synchronised
from camera_backup.recorder.gates import Hold
from tests.support.clocks import SetClock

NOON = datetime(2024, 1, 18, 12, tzinfo=UTC)
BOOT = datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC)
HELD = Hold("clock", "the clock is not set yet", 1.0, planned=True)


def timesyncd(run: Path) -> Path:
    """Have systemd-timesyncd run; return the file that it makes once it is content."""
    folder = run / "systemd" / "timesync"
    folder.mkdir(parents=True)
    return folder / "synchronized"


def gate(clock: SetClock, run: Path, wait: float = 60) -> ClockGate:
    return ClockGate(TimeSync(clock, run), clock, wait, Log("test"))


def test_a_clock_without_a_time_service_is_taken_as_it_is(tmp_path: Path) -> None:
    clock = SetClock(NOON)
    assert gate(clock, tmp_path).hold() is None
    assert TimeSync(clock, tmp_path).is_set()


def test_a_clock_that_shows_1970_is_never_taken_for_set(tmp_path: Path) -> None:
    clock = SetClock(BOOT, 5000)
    timesyncd(tmp_path).touch()
    sync = TimeSync(clock, tmp_path)
    assert not sync.is_set()
    clock.wall = NOON
    assert sync.is_set()
    clock.wall = BOOT
    assert not sync.is_set()


def test_recording_begins_as_soon_as_the_clock_is_set(tmp_path: Path) -> None:
    clock = SetClock(NOON, 20)
    synchronised = timesyncd(tmp_path)
    held = gate(clock, tmp_path)
    assert held.hold() == HELD
    clock.seconds += 1
    assert held.hold() == HELD
    synchronised.touch()
    assert held.hold() is None


def test_recording_waits_no_longer_than_told_and_only_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = SetClock(BOOT, 20)
    held = gate(clock, tmp_path, wait=60)
    clock.seconds = 79.75
    last = held.hold()
    assert last is not None
    assert last.retry == 0.25
    clock.seconds = 80
    assert held.hold() is None
    assert [record.getMessage() for record in caplog.records] == [
        "the clock is not set: segments are tagged as unsynced until it is"
    ]
    assert held.hold() is None
    assert len(caplog.records) == 1


def test_a_recorder_that_starts_again_later_does_not_wait_for_a_possible_time(tmp_path: Path) -> None:
    timesyncd(tmp_path)
    assert gate(SetClock(NOON, 599), tmp_path).hold() == HELD
    clock = SetClock(NOON, 601)
    assert gate(clock, tmp_path).hold() is None
    assert not TimeSync(clock, tmp_path).is_set()  # but what it records is tagged
    assert gate(SetClock(BOOT, 601), tmp_path).hold() == HELD


def test_a_wait_of_nothing_is_no_wait(tmp_path: Path) -> None:
    assert gate(SetClock(BOOT, 20), tmp_path, wait=0).hold() is None


def test_while_recording_the_time_service_is_asked_now_and_then_and_never_again_once_content(tmp_path: Path) -> None:
    clock = SetClock(NOON, 20)
    synchronised = timesyncd(tmp_path)
    sync = TimeSync(clock, tmp_path)
    assert not sync.is_set()
    synchronised.touch()
    assert not sync.is_set()
    clock.seconds += 10
    assert sync.is_set()
    synchronised.unlink()
    clock.seconds += 100
    assert sync.is_set()


@pytest.mark.parametrize(
    ("error", "answer", "expected"),
    [(15_999_999, False, True), (16_000_000, True, False), (None, True, True), (None, False, False)],
    ids=["kernel-yes", "kernel-no", "systemd-yes", "systemd-no"],
)
def test_with_another_time_service_the_kernel_knows_or_else_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int | None, answer: bool, expected: bool
) -> None:
    (tmp_path / "chrony").mkdir()
    monkeypatch.setattr(clock_gate, "kernel_error", lambda: error)
    monkeypatch.setattr(clock_gate, "systemd_says_synchronised", lambda: answer)
    assert TimeSync(SetClock(NOON), tmp_path).is_set() is expected


def test_the_kernel_tells_by_how_much_its_clock_may_be_wrong() -> None:
    error = kernel_error()
    assert error is not None
    assert 0 <= error <= clock_gate.SYNCHRONISED


@pytest.mark.parametrize(
    ("script", "expected"),
    [("echo yes", True), ("echo no", False), ("echo 'Failed to connect to bus' >&2; exit 1", True)],
)
def test_what_systemd_says_counts_if_it_says_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: bool
) -> None:
    tool = tmp_path / "timedatectl"
    tool.write_text(f'#!/bin/sh\n[ "$*" = "show --property=NTPSynchronized --value" ] || exit 3\n{script}\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert systemd_says_synchronised() is expected


def test_a_machine_without_timedatectl_has_nothing_against_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert systemd_says_synchronised()
