"""Looks into recordings: which of the camera's frames are there, do they decode, which audio packets."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from camera_backup.demo.rtsp_camera.bitstream import STAMP

_SECONDS = 120.0
# Else ffmpeg rounds times to the frame rate and complains of frames that come a few ms early.
_AS_TIMED = ("-fps_mode", "passthrough", "-enc_time_base:v", "1:90000")
_BYTE_STREAM = {"h264": "h264", "hevc": "hevc"}


@dataclass(frozen=True, slots=True, order=True)
class Frame:
    """What the camera stamped into a frame: its number, from 0, and when it was sent, in ms since 1970."""

    counter: int
    wall_ms: int


def frame_counters(path: Path) -> list[Frame]:
    """Return the stamps of a recording's frames in decode order; a frame without a stamp fails the test."""
    packets = video_packets(path)
    stream = _run(
        *("ffmpeg", "-v", "error", "-nostdin", *_whole(path), "-i", str(path)),
        *("-map", "0:v:0", "-c", "copy", "-copyinkf", "-f", _BYTE_STREAM[video_codec(path)], "pipe:1"),
    )
    frames = [Frame(int(match[1]), int(match[2])) for match in STAMP.finditer(stream)]
    assert len(frames) == packets, f"{path}: {packets} frames, {len(frames)} stamps"
    return frames


def video_codec(path: Path) -> str:
    """Return the name of the video codec, as ffprobe has it."""
    return next(str(stream["codec_name"]) for stream in probe(path)["streams"] if stream["codec_type"] == "video")


def video_packets(path: Path) -> int:
    """Count the frames of a recording without decoding them."""
    command = ("ffprobe", "-v", "error", *_whole(path), "-select_streams", "v:0", "-count_packets")
    entries = ("-show_entries", "stream=nb_read_packets", "-of", "json", str(path))
    return int(json.loads(_run(*command, *entries))["streams"][0]["nb_read_packets"])


def decodes_cleanly(path: Path) -> str:
    """Decode a recording; return what ffmpeg had to complain of, which is nothing if it is clean."""
    done = subprocess.run(
        [*("ffmpeg", "-v", "error", "-nostdin", "-i", str(path)), *_AS_TIMED, "-f", "null", "-"],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return done.stderr.strip() or ("" if done.returncode == 0 else f"exit code {done.returncode}")


def probe(path: Path) -> dict[str, Any]:
    """Return ffprobe's `format` and `streams` of a recording."""
    values: dict[str, Any] = json.loads(
        _run("ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path))
    )
    return values


def keyframes(path: Path) -> list[int]:
    """Return the places of a recording's keyframes, from 0."""
    command = ("ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=flags", "-of", "json")
    packets = json.loads(_run(*command, str(path)))["packets"]
    return [place for place, packet in enumerate(packets) if "K" in packet["flags"]]


def picture_sizes(path: Path) -> list[tuple[int, int]]:
    """Return the widths and heights that a recording's frames have, in the order in which they begin."""
    command = ("ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=width,height", "-of", "json")
    frames = json.loads(_run(*command, str(path)))["frames"]
    return list(dict.fromkeys((frame["width"], frame["height"]) for frame in frames))


def audio_packets(path: Path) -> list[str]:
    """Return a hash of each audio packet, without its time, in order; empty if there is no audio."""
    command = ("ffmpeg", "-v", "error", "-nostdin", *_whole(path), "-i", str(path))
    text = _run(*command, "-map", "0:a:0?", "-c", "copy", "-f", "framehash", "pipe:1")
    lines = [line for line in text.decode().splitlines() if line and not line.startswith("#")]
    return [line.rsplit(",", 1)[1].strip() for line in lines]


def _whole(path: Path) -> tuple[str, ...]:
    # An edit list hides frames from a player; they are in the file all the same.
    return ("-ignore_editlist", "1") if path.suffix in {".mp4", ".mov"} else ()


def _run(*command: str) -> bytes:
    return subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True).stdout
