import pytest

from camera_backup.sources.ffmpeg import arguments, audio_arguments, cause_of, input_list, is_about_sound, is_noise

# As ffmpeg 5.1 says it.
ODD_SOUND = "[mp4 @ 0x1] Could not find tag for codec pcm_alaw in stream #1, codec not currently supported in container"
NO_KEY_FRAME = (
    "[rtsp @ 0x1] Could not find codec parameters for stream 0 (Video: h264, none): unspecified size\n"
    "[mp4 @ 0x1] dimensions not set\nCould not write header for output file #0 (incorrect codec parameters ?)\n"
    "Error initializing output stream 0:1 --"
)


def test_the_address_is_quoted_as_ffmpeg_reads_it() -> None:
    assert "file 'rtsp://u:it'\\''s@h/x'\n" in input_list("rtsp://u:it's@h/x")


def test_ffmpeg_gives_a_camera_the_time_to_send_its_first_key_frame() -> None:
    # Its time-out ends the search for what the camera sends as well: it must not be shorter.
    assert "option timeout 30000000\n" in input_list("rtsp://h/x")
    assert "option analyzeduration 30000000\n" in input_list("rtsp://h/x")


@pytest.mark.parametrize(
    ("encoding", "wish", "codec"),
    [
        ("MPEG4-GENERIC", "auto", "copy"),
        ("PCMA", "auto", "aac"),
        ("OPUS", "auto", "aac"),
        ("MPEG4-GENERIC", "aac", "aac"),
        ("PCMA", "copy", "copy"),
    ],
)
def test_sound_is_copied_or_turned_into_aac(encoding: str, wish: str, codec: str) -> None:
    assert audio_arguments(encoding, wish) == ["-map", "0:a:0?", "-c:a", codec]


@pytest.mark.parametrize(("encoding", "wish"), [(None, "auto"), ("PCMA", "off")])
def test_no_sound_is_asked_for_where_there_is_none_or_none_is_wanted(encoding: str | None, wish: str) -> None:
    assert audio_arguments(encoding, wish) == ["-an"]


def test_g711_as_it_is_goes_into_quicktime() -> None:
    assert "mov" in arguments("ffmpeg", "H264", "PCMA", "copy")
    assert "mov" not in arguments("ffmpeg", "H264", "MPEG4-GENERIC", "copy")


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("method DESCRIBE failed: 401 Unauthorized", "unauthorised"),
        ("Connection to tcp://h:554 failed: Connection refused", "refused"),
        ("av_interleaved_write_frame(): No space left on device", "disk-full"),
        ("rtsp://***@h/x: Connection timed out", "timeout"),
        ("something else", None),
    ],
)
def test_the_cause_is_read_from_what_ffmpeg_says(words: str, cause: str | None) -> None:
    assert cause_of(words) == cause


def test_only_trouble_with_the_sound_is_taken_for_it() -> None:
    assert is_about_sound(ODD_SOUND)
    assert not is_about_sound(NO_KEY_FRAME)
    assert not is_about_sound(f"Connection refused\n{ODD_SOUND}")
    assert not is_about_sound("")


def test_what_says_nothing_is_noise() -> None:
    assert is_noise("[mp4 @ 0x1] Timestamps are unset in a packet for stream 0. This is deprecated")
    assert is_noise("[mp4 @ 0x1]")
    assert not is_noise(ODD_SOUND)
