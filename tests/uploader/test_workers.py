import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from camera_backup.errors import SpoolError
from camera_backup.model import Segment, SegmentName, camera_name
from camera_backup.uploader.workers import Done, Progress, Workers
from tests.support.uploading import HandClock, until

ONE, TWO = (
    Segment(camera_name("front-door"), SegmentName(datetime(2024, 1, 18, tzinfo=UTC), n), Path("/x"), 1) for n in (1, 2)
)


def _workers(work: Callable[[Segment, Progress], str], clock: HandClock | None = None) -> Workers[str]:
    return Workers(2, work, clock or HandClock())


def test_each_piece_of_work_comes_back_with_its_result_or_error() -> None:
    def work(segment: Segment, _progress: Progress) -> str:
        if segment is TWO:
            raise SpoolError("unreadable")
        return "fine"

    workers = _workers(work)
    for segment in (ONE, TWO):
        workers.begin(segment)
    assert workers.busy == 2
    done = {found.segment: found for found in (workers.wait(10), workers.wait(10)) if found}
    assert done[ONE] == Done(ONE, "fine")
    assert str(done[TWO].error) == "unreadable"
    assert workers.busy == 0
    workers.close(1)


def test_a_mistake_of_ours_is_an_error_and_not_the_end_of_the_thread() -> None:
    def work(_segment: Segment, _progress: Progress) -> str:
        raise ZeroDivisionError("oops")

    workers = _workers(work)
    for _ in range(5):
        workers.begin(ONE)
        done = workers.wait(10)
        assert done is not None
        assert "unexpected ZeroDivisionError" in str(done.error)
    workers.close(1)


def test_work_that_moves_no_byte_for_too_long_is_noticed_and_work_that_does_is_not() -> None:
    clock, step, stepped = HandClock(), threading.Semaphore(0), threading.Semaphore(0)

    def work(segment: Segment, progress: Progress) -> str:
        while segment is ONE and step.acquire(timeout=10):
            progress(1)
            stepped.release()
        return "given up"

    workers = _workers(work, clock)
    assert not workers.stalled(300)
    workers.begin(ONE)
    for _ in range(3):
        clock.advance(299)
        assert not workers.stalled(300)
        step.release()
        assert stepped.acquire(timeout=10)
    clock.advance(301)
    assert workers.stalled(300)
    workers.close(0)


def test_closing_gives_up_what_is_under_way_at_its_next_step() -> None:
    started, ended = threading.Event(), threading.Event()

    def work(_segment: Segment, progress: Progress) -> str:
        started.set()
        try:
            while not ended.wait(0.01):
                progress(1)
        finally:
            ended.set()
        return "done"

    workers = _workers(work)
    workers.begin(ONE)
    assert started.wait(10)
    workers.close(10)
    assert ended.is_set()
    assert workers.wait(1) == Done(ONE)


def test_a_wait_ends_when_somebody_wakes_it() -> None:
    workers = _workers(lambda _segment, _progress: "")
    threading.Timer(0.05, workers.wake).start()
    assert workers.wait(30) is None
    workers.close(1)
    until(lambda: not any(thread.is_alive() for thread in workers._threads))
