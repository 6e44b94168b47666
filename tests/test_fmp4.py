import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camera_backup.fmp4 import Fmp4Reader, FormatError, Fragment, Init
from tests.support.media import fragmented


def read(data: bytes, block: int = 4096) -> tuple[Init, list[tuple[Fragment, int]]]:
    reader = Fmp4Reader()
    parts = [part for at in range(0, len(data), block) for part in reader.feed(data[at : at + block])]
    init = reader.init
    assert init is not None
    return init, [(part, offset) for part, offset in parts if isinstance(part, Fragment)]


def test_every_frame_of_the_stream_is_in_a_fragment() -> None:
    init, fragments = read(fragmented(seconds=6, fps=10))
    video = next(number for number, track in init.tracks.items() if track.kind == b"vide")
    frames = sum(len(run.sizes) for fragment, _ in fragments for run in fragment.runs if run.track == video)
    assert frames == 60


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 100_000))
def test_how_the_stream_is_cut_into_reads_makes_no_difference(block: int) -> None:
    data = fragmented()
    assert read(data, block) == read(data, len(data))


def test_a_fragments_offset_is_where_it_lies_in_the_stream() -> None:
    data = fragmented()
    _init, fragments = read(data)
    assert all(data[offset:].startswith(fragment.moof + fragment.mdat) for fragment, offset in fragments)


def test_key_frames_are_told_apart() -> None:
    init, fragments = read(fragmented(seconds=6, fps=10, gop=20))
    starts = [round(fragment.start(init), 1) for fragment, _ in fragments if fragment.starts_with_keyframe(init)]
    assert starts == [0.0, 2.0, 4.0]


def test_a_fragment_lasts_as_long_as_its_frames() -> None:
    init, fragments = read(fragmented(seconds=6, fps=10))
    assert sum(fragment.duration(init) for fragment, _ in fragments) == pytest.approx(6, abs=0.11)


def test_a_moved_fragment_starts_earlier_and_is_otherwise_the_same() -> None:
    init, fragments = read(fragmented())
    fragment = fragments[5][0]
    data = fragmented()
    moved = fragment.moved(init, 1.0)
    _init, again = read(init.ftyp + init.moov + moved)
    assert again[0][0].start(init) == pytest.approx(fragment.start(init) - 1.0, abs=0.001)
    assert again[0][0].mdat == fragment.mdat
    assert moved in data.replace(fragment.moof, again[0][0].moof)


def test_no_decode_time_is_moved_below_zero() -> None:
    init, fragments = read(fragmented())
    _init, again = read(init.ftyp + init.moov + fragments[1][0].moved(init, 1e6))
    assert again[0][0].start(init) == 0


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
        parts = [part for part, _offset in reader.feed(bytes(data))]
        for part in parts:
            if isinstance(part, Fragment) and reader.init:
                part.moved(reader.init, 1.0)
                part.starts_with_keyframe(reader.init)
    except FormatError:
        return
    assert parts or reader.init is None
