"""A camera that is set to another picture while it is recorded."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from camera_backup.recorder.fmp4 import Fmp4Reader, Fragment, Init, encode
from camera_backup.recorder.mp4_boxes import find
from camera_backup.recorder.parameter_sets import ParameterSets
from tests.recorder.test_segmenter import NOON, StreamClock, record
from tests.support.browser import play, served
from tests.support.frames import picture_sizes
from tests.support.media import complaints, fragmented, packets, probe


def parts(data: bytes) -> tuple[Init, list[Fragment]]:
    reader = Fmp4Reader()
    fragments = [part for part in reader.feed(data) if isinstance(part, Fragment)]
    assert reader.init is not None
    return reader.init, fragments


def joined(*streams: bytes) -> bytes:
    """Return one stream whose init part knows only of the first picture, as ffmpeg hands it over."""
    init, _ = parts(streams[0])
    data, at, number = init.ftyp + init.moov, 0.0, 0
    for stream in streams:
        fragments = parts(stream)[1]
        for fragment in fragments:
            number += 1
            data += encode(fragment.moved(init, -at), number)[0]
        at += sum(fragment.duration(init) for fragment in fragments)
    return data


def changed(codec: str = "libx264", **second: str) -> bytes:
    return joined(fragmented(seconds=4, codec=codec), fragmented(seconds=4, codec=codec, **second))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("size", ["320x240", "322x182"])
def test_a_new_picture_starts_a_new_segment_that_tells_its_size(tmp_path: Path, codec: str, size: str) -> None:
    found = record(tmp_path, changed(codec, size=size), StreamClock(NOON), duration=60)
    assert len(found) == 2
    for recorded, expected in zip(found, ("160x120", size), strict=True):
        video = probe(recorded.segment.path)["video"]
        assert f"{video['width']}x{video['height']}" == expected
        assert picture_sizes(recorded.segment.path) == [tuple(map(int, expected.split("x")))]
        assert complaints(recorded.segment.path) == ""


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_no_packet_is_lost_over_a_change(tmp_path: Path, codec: str) -> None:
    data = changed(codec, size="320x240")
    whole = tmp_path / "whole.mp4"
    whole.write_bytes(data)
    found = record(tmp_path, data, StreamClock(NOON))
    for kind in ("v", "a"):
        pieces = [packet["data_hash"] for recorded in found for packet in packets(recorded.segment.path, kind)]
        assert pieces == [packet["data_hash"] for packet in packets(whole, kind)]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_the_new_segment_decodes_without_the_parameter_sets_in_its_frames(tmp_path: Path, codec: str) -> None:
    (_, second) = record(tmp_path, changed(codec, size="320x240"), StreamClock(NOON), duration=60)
    data = bytearray(second.segment.path.read_bytes())
    kinds = {7, 8} if codec == "libx264" else {32, 33, 34}
    at = data.find(b"mdat") + 4
    spoilt = 0
    _, fragments = parts(changed(codec, size="320x240"))
    for fragment in fragments:
        for place in range(8, len(fragment.mdat) - 5):
            (size,) = struct.unpack_from(">I", fragment.mdat, place)
            kind = fragment.mdat[place + 4] & 31 if codec == "libx264" else fragment.mdat[place + 4] >> 1 & 63
            unit = fragment.mdat[place : place + 4 + size]
            if kind in kinds and 3 < size < 100 and (found := data.find(unit, at)) > 0:
                data[found + 4] = 0x0C if codec == "libx264" else 38 << 1  # filler data: decoders skip it
                spoilt += 1
            if place > 400:
                break
    assert spoilt >= 2
    bare = tmp_path / "bare.mp4"
    bare.write_bytes(data)
    assert picture_sizes(bare) == [(320, 240)]
    assert complaints(bare) == ""


def test_ten_bits_instead_of_eight_are_a_new_picture(tmp_path: Path) -> None:
    found = record(tmp_path, changed(pixels="yuv422p10le"), StreamClock(NOON), duration=60)
    assert [probe(recorded.segment.path)["video"]["pix_fmt"] for recorded in found] == ["yuv420p", "yuv422p10le"]
    assert [complaints(recorded.segment.path) for recorded in found] == ["", ""]


def test_back_and_forth_makes_a_segment_each(tmp_path: Path) -> None:
    small, large = fragmented(seconds=4), fragmented(seconds=4, size="320x240")
    found = record(tmp_path, joined(small, large, small), StreamClock(NOON), duration=60)
    assert [probe(recorded.segment.path)["video"]["width"] for recorded in found] == [160, 320, 160]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_picture_that_stays_is_not_touched(tmp_path: Path, codec: str) -> None:
    data = fragmented(seconds=6, codec=codec)
    init, fragments = parts(data)
    sets = ParameterSets(init)
    assert not any(sets.see(fragment) for fragment in fragments if fragment.starts_with_keyframe(init))
    assert sets.init is init
    assert len(record(tmp_path, data, StreamClock(NOON), duration=60)) == 1


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_rewritten_description_is_ffmpegs_own(codec: str) -> None:
    other, (first, *_) = parts(fragmented(seconds=4, codec=codec, size="320x240"))
    sets = ParameterSets(parts(fragmented(seconds=4, codec=codec))[0])
    assert sets.see(first)
    name = b"avcC" if codec == "libx264" else b"hvcC"
    at, there = sets.init.moov.find(name), other.moov.find(name)
    # hvcC: ffmpeg keeps x265's own remark as well, and reckons a few hints.
    length = 13 if codec == "libx265" else struct.unpack_from(">I", other.moov, there - 4)[0] - 4
    assert sets.init.moov[at : at + length] == other.moov[there : there + length]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_the_containers_own_sizes_are_those_of_the_new_picture(codec: str) -> None:
    other, (first, *_) = parts(fragmented(seconds=4, codec=codec, size="320x240"))
    sets = ParameterSets(parts(fragmented(seconds=4, codec=codec))[0])
    sets.see(first)
    entry = b"avc1" if codec == "libx264" else b"hvc1"
    for moov in (sets.init.moov, other.moov):
        at, header = moov.rfind(entry), find(moov, "moov/trak/tkhd")
        assert struct.unpack_from(">HH", moov, at + 28) == (320, 240)
        assert struct.unpack_from(">II", moov, header.end - 8) == (320 << 16, 240 << 16)


def test_new_picture_parameters_alone_start_no_segment_but_are_told_in_the_next() -> None:
    init, fragments = parts(fragmented(seconds=4))
    sets = ParameterSets(init)
    mdat = fragments[0].mdat.replace(b"\0\0\0\4\x68\xce", b"\0\0\0\4\x68\xcf", 1)
    assert mdat != fragments[0].mdat
    assert not sets.see(replace(fragments[0], mdat=mdat))
    assert b"\x68\xcf" in sets.init.moov
    assert b"\x68\xce" not in sets.init.moov


def test_damaged_parameter_sets_do_not_stop_the_recording() -> None:
    init, fragments = parts(fragmented(seconds=4))
    sets = ParameterSets(init)
    mdat = bytearray(fragments[0].mdat)
    at = mdat.find(b"\x67")
    for place in range(at + 1, at + 20):
        mdat[place] = 0
    assert not sets.see(replace(fragments[0], mdat=bytes(mdat)))
    assert sets.init is init


def test_segments_before_and_after_a_change_play_and_seek_in_a_browser(tmp_path: Path) -> None:
    found = record(tmp_path, changed(size="320x240"), StreamClock(NOON), duration=60)
    with served(tmp_path) as address:
        for recorded, width in zip(found, (160, 320), strict=True):
            facts = play(tmp_path, f"{address}/{recorded.segment.path.name}")
            assert facts["width"] == width
            assert facts["duration"] == pytest.approx(4, abs=0.15)
            assert facts["sound"] > 0
