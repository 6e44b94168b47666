from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camera_backup.model import CameraName, ObjectKey, SegmentName, camera_name, lane_name, sub_lane

STARTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - made UTC below
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
NAMES = st.builds(
    SegmentName, STARTS, st.integers(0, 999_999), st.sampled_from([".mp4", ".mkv", ".json"]), st.booleans()
)
CAMERAS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}(\.sub)?", fullmatch=True).map(CameraName)
PREFIXES = st.sampled_from(["", "home/", "site/a/"])


@given(NAMES)
def test_a_segment_name_reads_back_as_it_was_written(name: SegmentName) -> None:
    assert SegmentName.parse(str(name)) == name


@given(PREFIXES, CAMERAS, NAMES)
def test_an_object_key_reads_back_as_it_was_written(prefix: str, camera: CameraName, name: SegmentName) -> None:
    key = ObjectKey(prefix, camera, name)
    assert ObjectKey.parse(str(key), prefix) == key


@given(st.text())
def test_whatever_reads_as_a_key_is_written_the_same(text: str) -> None:
    try:
        key = ObjectKey.parse(text)
    except ValueError:
        return
    assert str(key) == text


def test_a_key_carries_the_date_of_the_segments_start() -> None:
    key = ObjectKey("", CameraName("front-door"), SegmentName(datetime(2024, 1, 18, 23, 0, tzinfo=UTC)))
    assert str(key) == "front-door/2024/01/18/20240118_230000.mp4"


def test_the_name_after_a_taken_one_is_numbered() -> None:
    name = SegmentName.parse("20240118_120000.mp4")
    assert [str(name.next()), str(name.next().next())] == ["20240118_120000_1.mp4", "20240118_120000_2.mp4"]


@pytest.mark.parametrize(
    "text",
    ["", ".20240118_120000.mp4", "20240118_120000", "20241318_120000.mp4", "20240118_120000_0.mp4",
     "20240118_120000_01.mp4",
     "20240118_120000_1_unsynced.mp4", "20240118_120000unsynced.mp4", "20240118_120000.mp4\n",
     "x20240118_120000.mp4", "\uff120240118_120000.mp4"],
)  # fmt: skip
def test_what_is_no_segment_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"segment|month|time data"):
        SegmentName.parse(text)


def test_a_name_tells_that_its_time_is_not_to_be_relied_on() -> None:
    name = SegmentName.parse("20240118_120000_unsynced.mp4")
    assert name == SegmentName(datetime(2024, 1, 18, 12, tzinfo=UTC), unsynced=True)
    assert str(name.next()) == "20240118_120000_unsynced_1.mp4"
    assert SegmentName.parse("20240118_120000_unsynced_1.mp4") == name.next()


def test_a_second_stream_is_called_like_its_camera_and_like_no_other() -> None:
    assert sub_lane(CameraName("front-door")) == "front-door.sub"
    assert lane_name("front-door.sub") == "front-door.sub"
    key = "front-door.sub/2024/01/18/20240118_120000_unsynced.mp4"
    assert str(ObjectKey.parse(key)) == key
    with pytest.raises(ValueError, match="camera name"):
        camera_name("front-door.sub")


@pytest.mark.parametrize("text", [".sub", "a.sub.sub", "a.main", "a.", "A.sub", "-.sub", "a.sub\n", "a" * 64 + ".sub"])
def test_what_is_no_lane_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="camera name"):
        lane_name(text)


@pytest.mark.parametrize(
    "text", ["", "../x", "a/b", "Front", "front door", "front\n", "%n", "-x", "a" * 64, "türe", "a.b", "x\0"]
)
def test_a_hostile_camera_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="camera name"):
        camera_name(text)


def test_a_start_in_local_time_is_refused() -> None:
    with pytest.raises(ValueError, match="UTC"):
        SegmentName(datetime(2024, 10, 27, 2, 0, tzinfo=timezone(timedelta(hours=2))))
