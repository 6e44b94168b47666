import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camera_backup.recorder.fmp4 import Fmp4Reader, Fragment, Init, encode
from camera_backup.recorder.mp4_boxes import FormatError
from tests.support.media import fragmented


def read(data: bytes, block: int = 4096) -> tuple[Init, list[Fragment]]:
    reader = Fmp4Reader()
    parts = [part for at in range(0, len(data), block) for part in reader.feed(data[at : at + block])]
    init = reader.init
    assert init is not None
    return init, [part for part in parts if isinstance(part, Fragment)]


def test_every_frame_of_the_stream_is_in_a_fragment() -> None:
    init, fragments = read(fragmented(seconds=6, fps=10))
    video = next(number for number, track in init.tracks.items() if track.kind == b"vide")
    frames = sum(len(run.sizes) for fragment in fragments for run in fragment.runs if run.track == video)
    assert frames == 60


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 100_000))
def test_how_the_stream_is_cut_into_reads_makes_no_difference(block: int) -> None:
    data = fragmented()
    assert read(data, block) == read(data, len(data))


def test_a_fragments_footage_lies_where_it_says() -> None:
    data = fragmented()
    _init, fragments = read(data)
    assert all(data[fragment.mdat_at :].startswith(fragment.mdat) for fragment in fragments)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_fragment_written_out_reads_back_the_same(b_frames: int) -> None:
    init, fragments = read(fragmented(b_frames=b_frames))
    written = init.ftyp + init.moov
    for number, fragment in enumerate(fragments):
        written += encode(fragment, number)[0]
    _init, again = read(written)
    assert [(fragment.runs, fragment.mdat) for fragment in again] == [(f.runs, f.mdat) for f in fragments]


def test_key_frames_are_told_apart() -> None:
    init, fragments = read(fragmented(seconds=6, fps=10, gop=20))
    starts = [round(fragment.start(init), 1) for fragment in fragments if fragment.starts_with_keyframe(init)]
    assert starts == [0.0, 2.0, 4.0]


def test_a_fragment_lasts_as_long_as_its_frames() -> None:
    init, fragments = read(fragmented(seconds=6, fps=10))
    assert sum(fragment.duration(init) for fragment in fragments) == pytest.approx(6, abs=0.11)


def test_a_moved_fragment_starts_earlier_and_is_otherwise_the_same() -> None:
    init, fragments = read(fragmented())
    moved = fragments[5].moved(init, 1.0)
    assert moved.start(init) == pytest.approx(fragments[5].start(init) - 1.0, abs=0.001)
    assert moved.mdat == fragments[5].mdat
    assert [run.durations for run in moved.runs] == [run.durations for run in fragments[5].runs]


def test_a_header_puts_what_lies_below_zero_at_zero() -> None:
    init, fragments = read(fragmented())
    _init, (again,) = read(init.ftyp + init.moov + encode(fragments[1].moved(init, 1e6), 1)[0])
    assert again.start(init) == 0


@pytest.mark.parametrize("data", [b"HTTP/1.1 200 OK\r\n\r\n", b"\0" * 64, b"\xff" * 64, b"\0\0\0\x08moovtrailing"])
def test_what_is_no_fragmented_mp4_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        list(Fmp4Reader().feed(data))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 40_000), st.binary(min_size=1, max_size=40))
def test_a_damaged_stream_raises_nothing_but_a_format_error(at: int, damage: bytes) -> None:
    data = bytearray(fragmented(seconds=2))
    at %= len(data)
    data[at : at + len(damage)] = damage
    reader = Fmp4Reader()
    try:
        parts = list(reader.feed(bytes(data)))
        for part in parts:
            if isinstance(part, Fragment) and reader.init:
                encode(part.moved(reader.init, 1.0), 1)
                part.starts_with_keyframe(reader.init)
    except FormatError:
        return
    assert parts or reader.init is None
