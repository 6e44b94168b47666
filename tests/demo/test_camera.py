import dataclasses
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from camera_backup.demo import camera as camera_module
from camera_backup.demo.camera import CameraServer, CameraSpec
from camera_backup.demo.rtsp_camera.sound import splitter
from camera_backup.errors import UnavailableError
from tests.conftest import StartCameras
from tests.support.frames import (
    Frame,
    audio_packets,
    decodes_cleanly,
    frame_counters,
    keyframes,
    picture_sizes,
    probe,
)
from tests.support.recording import presentation_times, record, record_command, try_to_record
from tests.support.rtsp import RtspClient

PASSWORD = "p@ss:w/rd?#1"


def numbers(frames: list[Frame]) -> list[int]:
    return [frame.counter for frame in frames]


def gaps(frames: list[Frame]) -> list[int]:
    return [later - earlier - 1 for earlier, later in itertools.pairwise(numbers(frames)) if later != earlier + 1]


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.mark.parametrize(
    ("video", "audio", "suffix", "codecs"),
    [
        ("h264", "aac", ".mp4", {"h264", "aac"}),
        ("h264", "pcma", ".mkv", {"h264", "pcm_alaw"}),
        ("h265", "none", ".mp4", {"hevc"}),
        ("h265", "pcmu", ".ts", {"hevc"}),
    ],
)
def test_every_frame_is_counted_exactly_once(  # noqa: PLR0913, PLR0917 - the table of codecs
    camera_server: StartCameras, tmp_path: Path, video: str, audio: str, suffix: str, codecs: set[str]
) -> None:
    server = camera_server(CameraSpec(path="front-door", video=video, audio=audio, gop_seconds=1.0))
    recording = tmp_path / f"recording{suffix}"

    record(server.url("front-door"), recording, 5)

    frames = frame_counters(recording)
    assert len(frames) > 60
    assert gaps(frames) == []
    assert {stream["codec_name"] for stream in probe(recording)["streams"]} >= codecs
    assert decodes_cleanly(recording) == ""
    assert abs(frames[-1].wall_ms - time.time() * 1000) < 60_000
    assert (frames[-1].wall_ms - frames[0].wall_ms) / (len(frames) - 1) == pytest.approx(40, abs=1)


@pytest.mark.parametrize("audio", ["aac", "pcma"])
def test_the_sound_is_the_loop_packet_by_packet(camera_server: StartCameras, tmp_path: Path, audio: str) -> None:
    server = camera_server(CameraSpec(path="front-door", audio=audio, audio_rate=16000))
    recording = tmp_path / "recording.mkv"

    record(server.url("front-door"), recording, 4)

    heard = audio_packets(recording)
    loop = [
        sha256(packet).hexdigest() for packet in splitter(audio).feed(server.loops("front-door")["audio"].read_bytes())
    ]
    assert len(heard) > 40
    assert len(set(loop)) > 0.9 * len(loop), "hardly two packets of the tone are alike"
    start = next(at for at in range(len(loop)) if [loop[at], loop[(at + 1) % len(loop)]] == heard[:2])
    assert heard == list(itertools.islice(itertools.cycle(loop), start, start + len(heard)))


@pytest.mark.parametrize("auth", ["digest", "basic"])
def test_only_the_right_password_opens_a_guarded_camera(camera_server: StartCameras, tmp_path: Path, auth: str) -> None:
    server = camera_server(
        CameraSpec(path="guarded", audio="none", gop_seconds=0.4, user="ad min", password=PASSWORD, auth=auth),
        CameraSpec(path="open", audio="none", gop_seconds=0.4),
    )
    assert server.url("guarded") == f"rtsp://ad%20min:p%40ss%3Aw%2Frd%3F%231@127.0.0.1:{server.port}/guarded"
    wrong = server.url("guarded").replace(quote(PASSWORD, safe=""), "wrong")

    record(server.url("guarded"), tmp_path / "guarded.mp4", 1)
    record(server.url("open"), tmp_path / "open.mp4", 1)

    assert frame_counters(tmp_path / "guarded.mp4")
    assert frame_counters(tmp_path / "open.mp4")
    for url in (wrong, server.url("guarded", with_credentials=False)):
        refused = try_to_record(url, tmp_path / "refused.mp4", 1)
        assert refused.returncode != 0
        assert "401 Unauthorized" in refused.stderr
    assert not (tmp_path / "refused.mp4").exists()


def test_the_user_of_one_camera_does_not_see_another(camera_server: StartCameras, tmp_path: Path) -> None:
    server = camera_server(
        CameraSpec(path="front-door", audio="none", user="front", password="one"),
        CameraSpec(path="garden", audio="none", user="garden", password="two"),
    )
    url = server.url("front-door").replace("/front-door", "/garden")

    assert try_to_record(url, tmp_path / "refused.mp4", 1).returncode != 0
    assert not (tmp_path / "refused.mp4").exists()


def test_two_kinds_of_authentication_on_one_server_are_refused(camera_server: StartCameras) -> None:
    basic, digest = (
        CameraSpec(path=auth, audio="none", user="u", password="p", auth=auth) for auth in ("basic", "digest")
    )

    with pytest.raises(UnavailableError, match="one kind of authentication"):
        camera_server(basic, digest)


@pytest.mark.parametrize("video", ["h264", "h265"])
def test_b_frames_are_shown_in_an_even_pace(camera_server: StartCameras, tmp_path: Path, video: str) -> None:
    spec = CameraSpec(path="front-door", video=video, audio="none", b_frames=2, gop_seconds=1.0)
    server = camera_server(spec)
    recording = tmp_path / f"recording.{'h264' if video == 'h264' else 'hevc'}"

    times = presentation_times(server.url("front-door"), 3)
    record(server.url("front-door"), recording, 2)

    shown = sorted(times)
    assert times != shown
    paces = [later - earlier for earlier, later in itertools.pairwise(shown)]
    # An interval may end amid a group of B-frames, which leaves a hole where its last frames belong.
    assert paces[:-3] == pytest.approx([0.04] * (len(paces) - 3), abs=0.002)
    assert gaps(frame_counters(recording)) == []


def test_a_live_clock_is_encoded_as_it_is_sent(camera_server: StartCameras, tmp_path: Path) -> None:
    server = camera_server(CameraSpec(path="front-door", live_clock=True, fps=15, gop_seconds=1.0))
    recording = tmp_path / "recording.mp4"

    record(server.url("front-door"), recording, 4)

    frames = frame_counters(recording)
    assert len(frames) > 30
    assert gaps(frames) == []
    assert decodes_cleanly(recording) == ""
    assert [stream["codec_name"] for stream in probe(recording)["streams"]] == ["h264", "aac"]
    assert (frames[-1].wall_ms - frames[0].wall_ms) / (len(frames) - 1) == pytest.approx(1000 / 15, abs=5)


def test_a_server_that_stops_takes_its_encoder_along(camera_server: StartCameras) -> None:
    server = camera_server(CameraSpec(path="front-door", live_clock=True, fps=15))
    children = psutil.Process(server.pid).children(recursive=True)
    assert [child.name() for child in children] == ["ffmpeg"]

    server.stop()

    assert not any(child.is_running() for child in children)


def test_a_server_ends_when_whoever_started_it_is_gone(camera_server: StartCameras) -> None:
    server = camera_server(CameraSpec(path="front-door", live_clock=True, fps=15))
    process = psutil.Process(server.pid)
    family = [process, *process.children(recursive=True)]
    assert server._process is not None
    assert server._process.stdin is not None

    server._process.stdin.close()

    assert psutil.wait_procs(family, timeout=10)[1] == []


def test_several_clients_see_the_same_frames(camera_server: StartCameras, tmp_path: Path) -> None:
    server = camera_server(CameraSpec(path="front-door", gop_seconds=0.4))
    files = [tmp_path / f"{number}.mp4" for number in range(3)]
    clients = [subprocess.Popen(record_command(server.url("front-door"), file, 3)) for file in files]

    assert [client.wait(45) for client in clients] == [0, 0, 0]

    recorded = [frame_counters(file) for file in files]
    assert [gaps(frames) for frames in recorded] == [[], [], []]
    assert len(set.intersection(*(set(frames) for frames in recorded))) > 20


def test_frames_are_counted_on_while_nobody_watches(camera_server: StartCameras, tmp_path: Path) -> None:
    server = camera_server(CameraSpec(path="front-door", audio="none", gop_seconds=0.4))

    record(server.url("front-door"), tmp_path / "first.mp4", 1)
    record(server.url("front-door"), tmp_path / "second.mp4", 1)

    first, second = frame_counters(tmp_path / "first.mp4")[-1], frame_counters(tmp_path / "second.mp4")[0]
    assert (second.wall_ms - first.wall_ms) / (second.counter - first.counter) == pytest.approx(40, abs=4)


def test_a_muted_camera_keeps_the_session_and_sends_nothing(camera_server: StartCameras, tmp_path: Path) -> None:
    server = camera_server(CameraSpec(path="front-door", gop_seconds=0.4))
    recording = tmp_path / "recording.ts"
    with subprocess.Popen(
        [*record_command(server.url("front-door"), recording, 600)[:-1], "-flush_packets", "1", str(recording)]
    ) as client:
        eventually(lambda: size(recording) > 0)

        server.command("front-door", "mute")
        muted = time.time() * 1000
        time.sleep(2)  # the silence that the recording must show
        server.command("front-door", "unmute")
        unmuted = time.time() * 1000
        before = size(recording)
        eventually(lambda: size(recording) > before + 50_000)
        assert client.poll() is None
        client.send_signal(signal.SIGINT)

    frames = frame_counters(recording)
    assert len(gaps(frames)) == 1
    assert gaps(frames)[0] >= 48
    assert [frame for frame in frames if muted + 50 < frame.wall_ms < unmuted - 50] == []


def test_a_camera_switches_its_picture_within_the_session(camera_server: StartCameras, tmp_path: Path) -> None:
    spec = CameraSpec(path="front-door", gop_seconds=0.4)
    server = camera_server(spec)
    smaller = dataclasses.replace(spec, width=320, height=240)
    recording = tmp_path / "recording.ts"
    with subprocess.Popen(
        [*record_command(server.url("front-door"), recording, 600)[:-1], "-flush_packets", "1", str(recording)]
    ) as client:
        eventually(lambda: size(recording) > 50_000)
        server.switch("front-door", smaller)
        before = size(recording)
        eventually(lambda: size(recording) > before + 200_000)
        assert client.poll() is None
        client.send_signal(signal.SIGINT)

    assert gaps(frame_counters(recording)) == []
    assert decodes_cleanly(recording) == ""
    assert picture_sizes(recording) == [(640, 360), (320, 240)]


def test_a_camera_with_only_a_first_keyframe_sends_one_to_whoever_comes_first(
    camera_server: StartCameras, tmp_path: Path
) -> None:
    server = camera_server(CameraSpec(path="front-door", audio="none", keyframes="only_first", bitrate_kbps=200))

    for recording in (tmp_path / "first.mp4", tmp_path / "second.mp4"):
        record(server.url("front-door"), recording, 3)

        assert keyframes(recording) == [0]
        assert len(frame_counters(recording)) > 60
        assert decodes_cleanly(recording) == ""


def test_a_camera_steps_the_clock_of_its_sender_reports(camera_server: StartCameras) -> None:
    server = camera_server(CameraSpec(path="front-door", audio="none"))
    with RtspClient(server.port, "front-door") as client:
        before = client.sender_report() - time.time()
        server.command("front-door", "step_clock", seconds=3600)
        after = client.sender_report() - time.time()

    assert before == pytest.approx(0, abs=1)
    assert after == pytest.approx(3600, abs=1)


def test_a_command_that_a_camera_does_not_know_is_refused(camera_server: StartCameras) -> None:
    server = camera_server(CameraSpec(path="front-door", audio="none"))

    with pytest.raises(UnavailableError, match="unknown command: dance"):
        server.command("front-door", "dance")
    with pytest.raises(UnavailableError, match="KeyError: 'garden'"):
        server.command("garden", "mute")


def test_a_camera_comes_back_on_the_same_port(camera_server: StartCameras, tmp_path: Path) -> None:
    server = camera_server(CameraSpec(path="front-door", audio="none", gop_seconds=0.4))
    port, pid = server.port, server.pid

    server.stop()
    assert try_to_record(server.url("front-door"), tmp_path / "refused.mp4", 1).returncode != 0
    server.start()

    assert (server.port, server.pid != pid) == (port, True)
    record(server.url("front-door"), tmp_path / "again.mp4", 1)
    assert frame_counters(tmp_path / "again.mp4")


def test_a_killed_server_can_be_started_again(camera_server: StartCameras, tmp_path: Path) -> None:
    server = camera_server(CameraSpec(path="front-door", audio="none", gop_seconds=0.4))
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: not runs(server))

    server.start()

    record(server.url("front-door"), tmp_path / "again.mp4", 1)
    assert frame_counters(tmp_path / "again.mp4")


def test_a_port_that_is_taken_is_named(camera_server: StartCameras) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(UnavailableError, match=f"cannot listen on 127.0.0.1:{port}"):
            camera_server(CameraSpec(path="front-door", audio="none"), port=port)


def test_missing_debian_packages_are_named(camera_server: StartCameras, monkeypatch: pytest.MonkeyPatch) -> None:
    # The virtual environment's own Python has no GStreamer, like a machine without the packages.
    monkeypatch.setattr(camera_module, "_PYTHON", sys.executable)

    with pytest.raises(UnavailableError, match=r"apt-get install .* gir1\.2-gst-rtsp-server-1\.0 python3-gi"):
        camera_server(CameraSpec(path="front-door", audio="none"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"video": "mjpeg"}, "video is one of"),
        ({"user": "admin"}, "user and password go together"),
        ({"live_clock": True, "b_frames": 2}, "a live clock has no B-frames"),
    ],
)
def test_a_camera_that_makes_no_sense_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CameraSpec(path="front-door", **wrong)


def runs(server: CameraServer) -> bool:
    try:
        return bool(server.pid)
    except UnavailableError:
        return False


def test_one_user_may_watch_several_cameras(tmp_path: Path, camera_server: StartCameras) -> None:
    specs = [CameraSpec(path=path, user="admin", password=PASSWORD) for path in ("front", "back")]
    server = camera_server(*specs)
    for spec in specs:
        record(server.url(spec.path), tmp_path / f"{spec.path}.mp4", 1)
        assert frame_counters(tmp_path / f"{spec.path}.mp4")


def test_one_user_has_one_password(camera_server: StartCameras) -> None:
    with pytest.raises(UnavailableError):
        camera_server(
            CameraSpec(path="front", user="admin", password="one"),
            CameraSpec(path="back", user="admin", password="two"),
        )
