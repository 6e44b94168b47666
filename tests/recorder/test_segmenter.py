from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from camera_backup.errors import SourceError
from camera_backup.model import CameraName
from camera_backup.recorder.fmp4 import Fmp4Reader, Fragment
from camera_backup.recorder.mp4_boxes import boxes
from camera_backup.recorder.mp4_index import Index, mdat_header
from camera_backup.recorder.segmenter import Recorded, Segmenter
from tests.support.browser import play, served
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


def record(folder: Path, data: bytes, clock: StreamClock, duration: float = 2, **limits: Any) -> list[Recorded]:
    found: list[Recorded] = []
    segmenter = Segmenter(CameraName("front-door"), folder, duration, clock, found.append, **limits)
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


def test_a_hundred_boundaries_lose_and_double_nothing(tmp_path: Path) -> None:
    data = fragmented(seconds=206, gop=5)
    whole = tmp_path / "whole.mp4"
    whole.write_bytes(data)
    found = record(tmp_path, data, StreamClock(NOON))
    assert len(found) > 101
    listing = tmp_path / "list.ffconcat"
    entries = [f"file '{recorded.segment.path}'\noption ignore_editlist 1\n" for recorded in found]
    listing.write_text("ffconcat version 1.0\n" + "".join(entries))
    for kind in ("v", "a"):
        pieces = [packet["data_hash"] for packet in packets(listing, kind)]
        assert pieces == [packet["data_hash"] for packet in packets(whole, kind)]
    assert "".join(complaints(recorded.segment.path) for recorded in found[::10]) == ""


def test_a_long_gop_makes_fewer_and_longer_segments(tmp_path: Path) -> None:
    found = record(tmp_path, fragmented(seconds=30, gop=100), StreamClock(NOON))
    assert [probe(recorded.segment.path)["video"]["nb_frames"] for recorded in found] == ["100"] * 3


def test_without_a_second_key_frame_a_new_stream_is_asked_for(tmp_path: Path) -> None:
    found: list[Recorded] = []
    clock = StreamClock(NOON)
    segmenter = Segmenter(CameraName("front-door"), tmp_path, 3, clock, found.append, longest_gop=5)
    pieces = clock.pieces(fragmented(seconds=20, gop=1000))
    with pytest.raises(SourceError) as caught:
        deque(map(segmenter.feed, pieces), maxlen=0)
    segmenter.finish()
    assert caught.value.cause == "no-keyframe"
    assert "I-frame interval" in str(caught.value)
    (recorded,) = found
    assert (recorded.end - recorded.start).total_seconds() == pytest.approx(5, abs=1.1)
    assert complaints(recorded.segment.path) == ""


def test_a_file_that_grows_too_large_is_cut_at_a_key_frame(tmp_path: Path) -> None:
    data = fragmented(seconds=30, gop=10)
    found = record(tmp_path, data, StreamClock(NOON), duration=3600, largest_file=300_000)
    assert len(found) > 3
    assert all(recorded.segment.size <= 300_000 + 20_000 for recorded in found)  # and the index
    assert sum(int(probe(recorded.segment.path)["video"]["nb_frames"]) for recorded in found) == 300


def test_a_file_that_grows_too_large_without_a_key_frame_ends_the_stream(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        record(tmp_path, fragmented(seconds=20, gop=1000), StreamClock(NOON), duration=3600, largest_file=200_000)
    assert caught.value.cause == "no-keyframe"
    (partial,) = tmp_path.glob(".*.part")
    assert partial.stat().st_size <= 200_000 + 50_000


def test_segments_play_and_seek_in_a_browser(tmp_path: Path) -> None:
    found = record(tmp_path, fragmented(seconds=8, b_frames=2), StreamClock(NOON), duration=4)
    with served(tmp_path) as address:
        facts = play(tmp_path, f"{address}/{found[1].segment.path.name}")
    assert facts["duration"] == pytest.approx(4, abs=0.25)
    assert facts["sound"] > 0


def test_sound_that_comes_late_stays_with_its_picture(tmp_path: Path) -> None:
    reader = Fmp4Reader()
    fragments = [part for part in reader.feed(fragmented(seconds=4)) if isinstance(part, Fragment)]
    init = reader.init
    assert init is not None
    index = Index(init)
    for fragment in fragments:
        index.add(fragment.moved(init, 1.5), fragment.mdat_at)
    path = tmp_path / "late.mp4"
    body = fragmented(seconds=4)[: fragments[-1].mdat_at + len(fragments[-1].mdat)]
    path.write_bytes(body[: len(init.ftyp)] + mdat_header(len(body) - len(init.ftyp)) + body[len(init.ftyp) + 16 :])
    with path.open("ab") as file:
        file.write(index.moov())
    assert index.duration() == pytest.approx(4, abs=0.1)
    assert complaints(path) == ""
    facts = probe(path)
    assert abs(float(facts["audio"]["start_time"]) - float(facts["video"]["start_time"])) < 0.06


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
