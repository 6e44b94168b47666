"""What goes first when room runs short."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from camera_backup.model import CameraName, Segment, SegmentName
from camera_backup.spool.reader import Finished
from camera_backup.spool.room import margin
from camera_backup.uploader.ladder import Candidate, Removal, Room, removals

START = datetime(2024, 1, 18, 12, tzinfo=UTC)
FRONT, GARAGE = CameraName("front-door"), CameraName("garage")


def candidate(number: int, size: int = 100, *, safe: bool = False, camera: CameraName = FRONT) -> Candidate:
    name = SegmentName(START + timedelta(seconds=number))
    return Candidate(Finished(Segment(camera, name, Path(camera, str(name)), size), 0.0), safe)


def disk(free: int, min_free: int = 1000) -> Room:
    return Room(free, min_free, {}, {})


def numbers(found: list[Removal]) -> list[int]:
    return [round((item.candidate.file.segment.name.start - START).total_seconds()) for item in found]


def test_with_enough_room_nothing_goes() -> None:
    assert removals([candidate(1, safe=True), candidate(2)], disk(1050), drop=True) == []
    assert removals([candidate(1, safe=True)], disk(0, min_free=0), drop=True) == []


def test_safe_copies_go_first_the_oldest_first_and_only_as_many_as_needed() -> None:
    found = [candidate(1), candidate(4, safe=True), candidate(2, safe=True), candidate(3, safe=True)]
    assert numbers(removals(found, disk(950), drop=True)) == [2, 3]
    assert numbers(removals(found, disk(700), drop=True)) == [2, 3, 4, 1]


def test_what_is_not_uploaded_goes_only_if_the_user_allows_it() -> None:
    found = [candidate(1), candidate(2, safe=True), candidate(3)]
    assert numbers(removals(found, disk(0), drop=False)) == [2]
    assert numbers(removals(found, disk(0), drop=True)) == [2, 1, 3]


def test_a_quota_takes_from_its_own_camera_only() -> None:
    found = [candidate(1, camera=GARAGE, safe=True), candidate(2), candidate(3)]
    room = Room(10**9, 1000, {FRONT: 1000, GARAGE: 5000}, {FRONT: 1000, GARAGE: 0})
    assert [(item.reason, item.candidate) for item in removals(found, room, drop=True)] == [("quota", found[1])]
    assert removals(found, room, drop=False) == []


def test_what_goes_for_a_quota_counts_for_the_disk() -> None:
    found = [candidate(1), candidate(2)]
    room = Room(1000, 1000, {FRONT: 1000}, {FRONT: 1000})
    assert [item.reason for item in removals(found, room, drop=True)] == ["quota"]


candidates = st.lists(
    st.builds(
        candidate,
        st.integers(0, 50),
        st.integers(1, 500),
        safe=st.booleans(),
        camera=st.sampled_from([FRONT, GARAGE]),
    ),
    max_size=20,
    unique_by=lambda item: (item.file.segment.camera, item.file.segment.name),
)


def age(item: Candidate) -> SegmentName:
    return item.file.segment.name


@given(candidates, st.integers(0, 3000), st.integers(0, 2000), st.booleans())
def test_the_ladder_s_promises_hold_for_the_disk(found: list[Candidate], free: int, min_free: int, drop: bool) -> None:
    gone = [item.candidate for item in removals(found, disk(free, min_free), drop=drop)]
    left = [item for item in found if item not in gone]
    assert len(gone) == len(set(gone))
    assert drop or all(item.safe for item in gone)
    if any(not item.safe for item in gone):
        assert not any(item.safe for item in left), "copies go before anything else"
    for kind in (True, False):
        went, stayed = ([age(item) for item in items if item.safe is kind] for items in (gone, left))
        assert max(went, default=SegmentName(START)) <= min(
            stayed, default=SegmentName(datetime.max.replace(tzinfo=UTC))
        )
    goal = min_free + 2 * margin(min_free)
    freed = [item.file.segment.size for item in gone]
    if freed:
        assert free < min_free + margin(min_free)
        assert free + sum(freed[:-1]) < goal, "no segment more than needed"
    elif min_free and free < min_free + margin(min_free):
        assert not [item for item in found if item.safe or drop], "nothing goes only where nothing may"


@given(candidates, st.integers(1, 2000), st.integers(0, 3000), st.booleans())
def test_the_ladder_s_promises_hold_for_a_quota(found: list[Candidate], quota: int, used: int, drop: bool) -> None:
    gone = [item.candidate for item in removals(found, Room(0, 0, {FRONT: used}, {FRONT: quota}), drop=drop)]
    assert drop or all(item.safe for item in gone)
    assert all(item.file.segment.camera == FRONT for item in gone)
    if gone:
        assert used > quota - margin(quota)
        assert used - sum(item.file.segment.size for item in gone[:-1]) > quota - 2 * margin(quota)
