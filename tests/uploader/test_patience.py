from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from camera_backup.bucket.stored import MismatchError
from camera_backup.errors import (
    CameraBackupError,
    CatalogueError,
    CredentialError,
    SpoolError,
    StorageError,
    UnavailableError,
)
from camera_backup.model import Segment, SegmentName, camera_name
from camera_backup.uploader.patience import Patience, Waits

DOWN = StorageError("down")
ONE, TWO, THREE = (
    Segment(camera_name("front-door"), SegmentName(datetime(2024, 1, 18, tzinfo=UTC) + timedelta(n)), Path("/x"), 1)
    for n in range(3)
)


def _patience() -> Patience:
    """Without jitter: every wait is whole."""
    return Patience(Waits(first=1, longest=8, refused=30, doubted=64), jitter=lambda: 1.0)


def _wait(patience: Patience, segment: Segment, now: float) -> float:
    return next(seconds for seconds in range(1000) if not patience.held(segment, now + seconds))


def test_a_segment_that_fails_waits_longer_each_time_up_to_a_limit() -> None:
    patience = _patience()
    waits = []
    for now in range(0, 6000, 1000):
        patience.failed(ONE, SpoolError("unreadable"), now)
        waits.append(_wait(patience, ONE, now))
    assert waits == [1, 2, 4, 8, 8, 8]


def test_one_segment_that_fails_holds_up_no_other() -> None:
    patience = _patience()
    for now in range(10):
        patience.failed(ONE, DOWN, now)
    assert not patience.broken
    assert not patience.held(TWO, 10)
    assert patience.room(4, 1, 10) == 3


def test_two_segments_that_fail_in_a_row_mean_the_bucket_and_then_one_at_a_time_tries() -> None:
    patience = _patience()
    patience.failed(ONE, DOWN, 0)
    patience.failed(TWO, DOWN, 0)
    assert patience.broken
    assert patience.room(4, 0, 0.9) == 0
    assert patience.room(4, 0, 1) == 1
    assert patience.room(4, 1, 1) == 0
    patience.failed(THREE, DOWN, 1)
    assert patience.room(4, 0, 2.9) == 0
    assert patience.room(4, 0, 3) == 1
    patience.succeeded(THREE)
    assert not patience.broken
    assert patience.room(4, 0, 3) == 4


def test_several_that_fail_at_once_count_as_one_try() -> None:
    patience = _patience()
    for segment in (ONE, TWO, THREE):
        patience.failed(segment, DOWN, 0)
    assert patience.room(4, 0, 1) == 1


@pytest.mark.parametrize("error", [CredentialError("refused"), UnavailableError("no bucket")])
def test_a_refused_key_or_a_missing_bucket_is_asked_again_every_thirty_seconds(error: CameraBackupError) -> None:
    patience = _patience()
    for now in (0, 30, 60, 90):
        patience.failed(ONE, error, now)
        patience.failed(TWO, error, now)
        assert patience.room(4, 0, now + 29) == 0
        assert patience.room(4, 0, now + 30) == 1
        assert _wait(patience, ONE, now) == 30


@pytest.mark.parametrize("error", [MismatchError("else"), SpoolError("EIO"), CatalogueError("full")])
def test_what_is_not_the_buckets_fault_never_stops_the_line(error: CameraBackupError) -> None:
    patience = _patience()
    for segment in (ONE, TWO, THREE):
        patience.failed(segment, error, 0)
    assert not patience.broken
    assert patience.trouble is None


def test_a_segment_that_is_stored_wrongly_is_tried_ever_more_rarely() -> None:
    patience = _patience()
    for now in range(0, 10_000, 1000):
        patience.failed(ONE, MismatchError("else"), now)
    assert _wait(patience, ONE, 9000) == 64


def test_a_success_ends_all_waiting_of_the_segment_and_the_bucket() -> None:
    patience = _patience()
    for _ in range(5):
        patience.failed(ONE, DOWN, 0)
    assert patience.tried(ONE)
    assert patience.trouble is DOWN
    patience.succeeded(ONE)
    assert not patience.held(ONE, 0)
    assert not patience.tried(ONE)
    assert patience.trouble is None
    assert patience.next_try(0) is None


def test_the_next_try_is_when_the_first_held_segment_is_let_go() -> None:
    patience = _patience()
    patience.failed(ONE, SpoolError("EIO"), 0)
    patience.hold(TWO, 5)
    assert patience.next_try(0) == 1
    assert patience.next_try(1) == 4
    assert not patience.tried(TWO)


def test_a_segment_that_is_gone_is_forgotten() -> None:
    patience = _patience()
    patience.failed(ONE, SpoolError("EIO"), 0)
    patience.failed(TWO, SpoolError("EIO"), 0)
    patience.forget_all_but([TWO])
    assert [patience.tried(segment) for segment in (ONE, TWO)] == [False, True]
