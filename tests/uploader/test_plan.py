import itertools
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from camera_backup.catalogue.catalogue import Kept
from camera_backup.model import CameraName, Segment, SegmentName, camera_name
from camera_backup.spool.reader import Finished
from camera_backup.uploader.plan import Moment, Past, Plan, in_turn, plan

NOW = datetime(2024, 1, 18, 12, tzinfo=UTC)
AGE = 300.0
FRONT = camera_name("front-door")
GARAGE = camera_name("garage")


def _file(number: int = 0, *, age: float = 1000.0, camera: CameraName = FRONT, size: int = 5) -> Finished:
    name = SegmentName(datetime(2024, 1, 18, tzinfo=UTC) + timedelta(seconds=number))
    return Finished(Segment(camera, name, Path("/spool", camera, str(name)), size), NOW.timestamp() - age)


def _plan(*files: Finished, past: Past | None = None, monotonic: float = 0.0, wall: datetime = NOW) -> Plan:
    found: dict[CameraName, list[Finished]] = {}
    for file in files:
        found.setdefault(file.segment.camera, []).append(file)
    return plan(found, past or Past(), Moment(wall, monotonic), AGE)


class TestSafetyAge:
    def test_a_file_that_was_left_alone_long_enough_is_ready_at_once(self) -> None:
        file = _file(age=AGE)
        assert _plan(file).ready == (file.segment,)

    def test_a_younger_file_waits_for_the_rest_of_its_time(self) -> None:
        result = _plan(_file(age=AGE - 40))
        assert result.ready == ()
        assert result.next_ready == 40
        assert result.waiting == 1

    def test_the_next_scan_is_for_the_oldest_of_the_young(self) -> None:
        assert _plan(_file(1, age=100), _file(2, age=250), _file(3, age=0)).next_ready == 50

    def test_a_file_from_the_future_is_ready_after_it_was_watched_long_enough(self) -> None:
        file = _file(age=-86_400)
        first = _plan(file, monotonic=1000)
        assert (first.ready, first.next_ready) == ((), AGE)
        second = _plan(file, past=Past(first.sightings), monotonic=1000 + AGE - 1)
        assert (second.ready, second.next_ready) == ((), 1)
        third = _plan(file, past=Past(second.sightings), monotonic=1000 + AGE)
        assert third.ready == (file.segment,)

    def test_a_file_from_the_future_stays_ready_if_its_upload_fails(self) -> None:
        file = _file(age=-86_400)
        past = Past(_plan(file, monotonic=0).sightings)
        for moment in (AGE, AGE + 1, AGE + 2):
            result = _plan(file, past=past, monotonic=moment)
            assert result.ready == (file.segment,)
            past = Past(result.sightings)

    def test_a_clock_that_is_set_back_does_not_hold_up_what_was_watched(self) -> None:
        file = _file(age=10)
        first = _plan(file)
        back = _plan(file, past=Past(first.sightings), monotonic=AGE, wall=NOW - timedelta(hours=1))
        assert back.ready == (file.segment,)

    def test_a_change_begins_the_wait_anew(self) -> None:
        first = _plan(_file(age=-5), monotonic=0)
        touched = _plan(_file(age=-6), past=Past(first.sightings), monotonic=AGE)
        grown = _plan(_file(age=-5, size=6), past=Past(first.sightings), monotonic=AGE)
        assert (touched.ready, touched.next_ready) == ((), AGE)
        assert (grown.ready, grown.next_ready) == ((), AGE)

    def test_what_is_gone_is_forgotten(self) -> None:
        first = _plan(_file(age=0))
        assert len(first.sightings) == 1
        assert _plan(past=Past(first.sightings)).sightings == {}


class TestOrder:
    def test_a_cameras_oldest_segment_goes_first(self) -> None:
        files = [_file(number) for number in range(5)]
        assert _plan(*files).ready == tuple(file.segment for file in files)

    def test_a_backlog_does_not_keep_another_camera_waiting(self) -> None:
        backlog = [_file(number) for number in range(100)]
        garage = _file(500, camera=GARAGE)
        assert _plan(*backlog, garage).ready.index(garage.segment) == 1

    def test_the_camera_served_longest_ago_is_next(self) -> None:
        attic = camera_name("attic")
        files = [_file(1, camera=FRONT), _file(1, camera=GARAGE), _file(1, camera=attic)]
        past = Past(turns={FRONT: 7, attic: 9})
        assert [segment.camera for segment in _plan(*files, past=past).ready] == [GARAGE, FRONT, attic]

    def test_over_any_run_no_camera_is_served_twice_before_another_that_waits(self) -> None:
        chance = random.Random(1)
        cameras = [camera_name(f"camera-{number}") for number in range(5)]
        for _ in range(200):
            ready = {
                camera: [_file(number, camera=camera).segment for number in range(chance.randrange(6))]
                for camera in cameras
            }
            order = in_turn(ready, {})
            assert sorted(order) == sorted(segment for segments in ready.values() for segment in segments)
            for camera, segments in ready.items():
                own = [place for place, segment in enumerate(order) if segment.camera == camera]
                assert [order[place] for place in own] == segments
                for one, two in itertools.pairwise(own):
                    between = {segment.camera for segment in order[one + 1 : two]}
                    after = {segment.camera for segment in order[two:]} - {camera}
                    assert after <= between


class TestWhatIsLeftOut:
    def test_an_empty_file_is_not_uploaded(self) -> None:
        file = _file(size=0)
        result = _plan(file)
        assert (result.ready, result.empty) == ((), (file.segment,))

    def test_an_empty_file_gets_its_safety_age_too(self) -> None:
        assert _plan(_file(size=0, age=10)).empty == ()

    def test_what_is_safe_and_kept_is_left_out_until_it_changes(self) -> None:
        file, changed = _file(1), _file(2)
        kept = {
            Kept(FRONT, str(file.segment.name), 5, file.modified),
            Kept(FRONT, str(changed.segment.name), 5, changed.modified - 1),
            Kept(GARAGE, str(changed.segment.name), 5, changed.modified),
        }
        result = _plan(file, changed, past=Past(kept=kept))
        assert result.ready == (changed.segment,)
        assert result.waiting == 1
