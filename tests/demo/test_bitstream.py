import pytest

from camera_backup.demo.rtsp_camera.bitstream import (
    STAMP,
    START_CODE,
    AccessUnit,
    VideoSplitter,
    parse_access_unit,
    presentation_delays,
    stamp,
)

DELIMITER = START_CODE + b"\x09\xf0"
PARAMETERS = START_CODE + b"\x67\x42" + START_CODE + b"\x68\xce"
KEY_SLICE = START_CODE + b"\x65\x88\x84"  # first_mb 0, slice type 7 (I)
P_SLICE = START_CODE + b"\x41\x9a"  # first_mb 0, slice type 5 (P)
B_SLICE = START_CODE + b"\x01\x9e"  # first_mb 0, slice type 6 (B)


def unit(*, bidirectional: bool) -> AccessUnit:
    return AccessUnit(b"", b"", keyframe=False, bidirectional=bidirectional)


def test_a_stream_is_cut_at_its_delimiters_however_it_arrives() -> None:
    stream = DELIMITER + PARAMETERS + KEY_SLICE + DELIMITER + P_SLICE + DELIMITER + B_SLICE
    splitter = VideoSplitter("h264")

    units = [unit for at in range(len(stream)) for unit in splitter.feed(stream[at : at + 1])] + splitter.flush()

    assert [(unit.head, unit.body) for unit in units] == [(PARAMETERS, KEY_SLICE), (b"", P_SLICE), (b"", B_SLICE)]
    assert [unit.keyframe for unit in units] == [True, False, False]
    assert [unit.bidirectional for unit in units] == [False, False, True]


@pytest.mark.parametrize(("codec", "header"), [("h264", b"\x06\x05"), ("h265", b"\x4e\x01\x05")])
def test_a_stamp_is_an_sei_that_needs_no_escaping_and_reads_back(codec: str, header: bytes) -> None:
    sei = stamp(codec, 1234567, 1705579200123)

    assert sei.startswith(header)
    assert sei[len(header)] == len(sei) - len(header) - 2
    assert sei.endswith(b";\x80")
    assert b"\0\0" not in sei
    found = STAMP.search(sei)
    assert found is not None
    assert found.groups() == (b"1234567", b"1705579200123")


def test_the_stamp_stands_between_the_parameter_sets_and_the_first_slice() -> None:
    unit = parse_access_unit(DELIMITER + PARAMETERS + KEY_SLICE + KEY_SLICE, "h264")

    assert unit.stamped("h264", 7, 1705579200123) == (
        PARAMETERS + START_CODE + stamp("h264", 7, 1705579200123) + KEY_SLICE + KEY_SLICE
    )


def test_an_access_unit_without_a_slice_is_refused() -> None:
    with pytest.raises(ValueError, match="without a slice"):
        parse_access_unit(DELIMITER + PARAMETERS, "h264")


def test_without_b_frames_each_frame_is_shown_when_it_is_sent() -> None:
    assert presentation_delays([unit(bidirectional=False)] * 3) == [0, 0, 0]


def test_a_frame_is_shown_after_the_b_frames_that_follow_it() -> None:
    # Coded I P B B P B I, shown I B B P B P I: each in a place of its own.
    units = [unit(bidirectional=letter == "B") for letter in "IPBBPBI"]

    delays = presentation_delays(units)

    assert [place + delay for place, delay in enumerate(delays)] == [1, 4, 2, 3, 6, 5, 7]
