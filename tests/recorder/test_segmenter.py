from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from camera_backup.errors import SourceError
from camera_backup.model import CameraName
from camera_backup.recorder.mp4_boxes import boxes
from camera_backup.recorder.segmenter import Recorded, Segmenter
from tests.support.media import complaints, fragmented, packets, probe

NOON = datetime(2024, 1, 18, 12, 0, 0, 100_000, tzinfo=UTC)


class StreamClock:
    """A clock that the stream drives: half a second later with each fragment."""

    def __init__(self, start: datetime) -> None:
        self.moment = start
        self.uptime = 0.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.uptime

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield the stream piece by piece, each when it would arrive."""
        for box in boxes(data):
            if box.kind == b"mdat":
                self.moment += timedelta(seconds=0.5)
                self.uptime += 0.5
            yield data[box.start : box.end]


def record(folder: Path, data: bytes, clock: StreamClock, duration: float = 2) -> list[Recorded]:
    found: list[Recorded] = []
    segmenter = Segmenter(CameraName("front-door"), folder, duration, clock, found.append)
    for piece in clock.pieces(data):
        segmenter.feed(piece)
        segmenter.sync()
    segmenter.finish()
    return found


def test_segments_start_at_key_frames_on_the_clocks_multiples(tmp_path: Path) -> None:
    found = record(tmp_path, fragmented(seconds=8, fps=10, gop=20), StreamClock(NOON), duration=4)
    assert [str(recorded.segment.name) for recorded in found] == ["20240118_120000.mp4", "20240118_120004.mp4"]
    assert [recorded.start for recorded in found] == [
        pytest.approx(NOON + timedelta(seconds=second), abs=timedelta(seconds=0.11)) for second in (0, 4)
    ]


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 0), ("libx264", 2), ("libx265", 0)])
def test_no_packet_is_lost_or_doubled_over_the_segments(tmp_path: Path, codec: str, b_frames: int) -> None:
    data = fragmented(seconds=8, codec=codec, b_frames=b_frames)
    whole = tmp_path / "whole.mp4"
    whole.write_bytes(data)
    found = record(tmp_path, data, StreamClock(NOON))
    assert len(found) == 4
    for kind in ("v", "a"):
        pieces = [packet["data_hash"] for recorded in found for packet in packets(recorded.segment.path, kind)]
        assert pieces == [packet["data_hash"] for packet in packets(whole, kind)]


@pytest.mark.parametrize(("codec", "b_frames"), [("libx264", 0), ("libx264", 2), ("libx265", 0)])
def test_each_segment_decodes_alone_without_a_complaint(tmp_path: Path, codec: str, b_frames: int) -> None:
    for recorded in record(tmp_path, fragmented(seconds=8, codec=codec, b_frames=b_frames), StreamClock(NOON)):
        assert complaints(recorded.segment.path) == ""


def test_a_finished_segment_is_an_ordinary_mp4_with_an_index(tmp_path: Path) -> None:
    found = record(tmp_path, fragmented(seconds=8, fps=10, gop=20), StreamClock(NOON), duration=4)
    facts = probe(found[0].segment.path)
    assert facts["video"]["nb_frames"] == facts["video"]["nb_read_packets"] == "40"
    assert float(facts["video"]["duration"]) == pytest.approx(4, abs=0.11)
    assert float(facts["video"]["start_time"]) == pytest.approx(0, abs=0.11)
    assert abs(float(facts["audio"]["start_time"]) - float(facts["video"]["start_time"])) < 0.06


def test_presentation_times_of_b_frames_survive(tmp_path: Path) -> None:
    data = fragmented(seconds=4, b_frames=2)
    whole = tmp_path / "whole.mp4"
    whole.write_bytes(data)
    (recorded,) = record(tmp_path, data, StreamClock(NOON), duration=60)
    first, second = packets(whole, "v"), packets(recorded.segment.path, "v")
    assert first[0]["pts_time"] != first[0]["dts_time"]
    shift = float(second[0]["pts_time"]) - float(first[0]["pts_time"])
    assert [float(b["pts_time"]) - float(a["pts_time"]) for a, b in zip(first, second, strict=True)] == pytest.approx(
        [shift] * len(first), abs=0.002
    )


def test_a_growing_segment_plays_at_any_instant(tmp_path: Path) -> None:
    data = fragmented(seconds=4)
    segmenter = Segmenter(CameraName("front-door"), tmp_path, 60, StreamClock(NOON), lambda _recorded: None)
    segmenter.feed(data[: len(data) // 2])
    (partial,) = tmp_path.glob(".*.part")
    assert int(probe(partial)["video"]["nb_read_packets"]) >= 15
    assert complaints(partial) == ""
    segmenter.finish()


def test_a_clock_set_back_an_hour_overwrites_nothing(tmp_path: Path) -> None:
    first = record(tmp_path, fragmented(seconds=4), StreamClock(NOON))
    again = record(tmp_path, fragmented(seconds=4), StreamClock(NOON))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "20240118_120000.mp4", "20240118_120000_1.mp4", "20240118_120002.mp4", "20240118_120002_1.mp4",
    ]  # fmt: skip
    assert not {recorded.segment.path for recorded in first} & {recorded.segment.path for recorded in again}


def test_a_clock_that_jumps_starts_a_new_segment(tmp_path: Path) -> None:
    clock = StreamClock(NOON)
    found: list[Recorded] = []
    segmenter = Segmenter(CameraName("front-door"), tmp_path, 3600, clock, found.append)
    for number, piece in enumerate(clock.pieces(fragmented(seconds=8))):
        if number == 20:
            clock.moment -= timedelta(hours=1)
        segmenter.feed(piece)
    segmenter.finish()
    assert [recorded.segment.name.start.hour for recorded in found] == [12, 11]


def test_garbage_ends_the_stream_but_keeps_what_came_before(tmp_path: Path) -> None:
    found: list[Recorded] = []
    segmenter = Segmenter(CameraName("front-door"), tmp_path, 60, StreamClock(NOON), found.append)
    with pytest.raises(SourceError) as caught:
        segmenter.feed(fragmented(seconds=4) + bytes(100))
    segmenter.finish()
    assert caught.value.cause == "garbage"
    assert probe(found[0].segment.path)["video"]["nb_read_packets"] == "40"


def test_nothing_is_left_behind_by_a_stream_without_footage(tmp_path: Path) -> None:
    segmenter = Segmenter(CameraName("front-door"), tmp_path, 60, StreamClock(NOON), lambda _recorded: None)
    segmenter.feed(fragmented()[:1000])
    segmenter.finish()
    assert list(tmp_path.iterdir()) == []
