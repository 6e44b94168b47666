"""What becomes of a camera's sound, as `audio:` says."""

from pathlib import Path

import pytest

from camera_backup.demo.camera import CameraSpec
from tests.conftest import StartCameras
from tests.support.frames import decodes_cleanly, probe
from tests.support.recorders import assert_unbroken, recording, segments


def sound_of(path: Path) -> str | None:
    return next((str(s["codec_name"]) for s in probe(path)["streams"] if s["codec_type"] == "audio"), None)


@pytest.mark.parametrize(
    ("audio", "wish", "recorded"),
    [
        ("aac", "auto", "aac"),
        ("pcma", "auto", "aac"),
        ("pcmu", "aac", "aac"),
        ("aac", "off", None),
        ("pcma", "copy", "pcm_alaw"),
        ("pcmu", "copy", "pcm_mulaw"),
        ("none", "auto", None),
    ],
)
def test_sound_is_recorded_as_wished(
    tmp_path: Path, camera_server: StartCameras, audio: str, wish: str, recorded: str | None
) -> None:
    url = camera_server(CameraSpec(path="cam", audio=audio)).url("cam")
    with recording(tmp_path, url, audio=wish) as recorder:
        recorder.wait_until_it_says("segment published", count=2)
    found = segments(tmp_path)
    assert_unbroken(found)
    assert [sound_of(path) for path in found[:2]] == [recorded] * 2
    assert [decodes_cleanly(path) for path in found[:2]] == ["", ""]
    assert {path.suffix for path in found} == {".mov" if wish == "copy" else ".mp4"}


def test_sound_that_cannot_be_recorded_does_not_cost_the_picture(tmp_path: Path, camera_server: StartCameras) -> None:
    # An ffmpeg that takes no sound: it fails as with an encoding that MP4 does not hold.
    ffmpeg = tmp_path / "ffmpeg"
    refusal = 'echo "Could not find tag for codec odd in stream #1, codec not supported" >&2; exit 1'
    ffmpeg.write_text(f'#!/bin/sh\ncase " $* " in *" -c:a "*) {refusal};; esac\nexec ffmpeg "$@"\n')
    ffmpeg.chmod(0o755)
    url = camera_server(CameraSpec(path="cam")).url("cam")
    with recording(tmp_path, url, ffmpeg=str(ffmpeg)) as recorder:
        recorder.wait_until_it_says("segment published")
        assert recorder.said().count("going on without it") == 1
    assert sound_of(segments(tmp_path)[0]) is None


def test_a_camera_that_hangs_up_does_not_cost_its_sound(tmp_path: Path, camera_server: StartCameras) -> None:
    camera = camera_server(CameraSpec(path="cam"))
    with recording(tmp_path, camera.url("cam")) as recorder:
        recorder.wait_until_it_says("segment published")
        camera.stop()
        recorder.wait_until_it_says("cause=refused")
        before = recorder.said().count("segment published")
        camera.start()
        recorder.wait_until_it_says("segment published", count=before + 1, seconds=60)
    assert sound_of(segments(tmp_path)[-1]) == "aac"
