"""Small real media, made by ffmpeg."""

import json
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

FRAGMENTED = ["-f", "mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "500000"]


@lru_cache
def fragmented(  # noqa: PLR0913, PLR0917 - what a camera can be
    seconds: float = 6,
    fps: int = 10,
    gop: int = 20,
    b_frames: int = 0,
    codec: str = "libx264",
    size: str = "160x120",
    pixels: str = "yuv420p",
) -> bytes:
    """Return fragmented MP4 of a test picture and a tone, as a camera's recorder gets it: parameter sets in band."""
    video = ["-c:v", codec, "-preset", "ultrafast", "-g", str(gop), "-bf", str(b_frames)]
    if codec == "libx265":
        video += ["-tag:v", "hvc1", "-x265-params", f"log-level=error:keyint={gop}:min-keyint={gop}"]
    else:
        video += ["-sc_threshold", "0"]
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate={fps}"]
    command += ["-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", str(seconds), *video, "-pix_fmt", pixels]
    command += ["-bsf:v", "dump_extra", "-c:a", "aac"]
    return subprocess.run([*command, *FRAGMENTED, "pipe:1"], capture_output=True, check=True).stdout


@lru_cache
def encoded(codec: str, size: str, pixels: str = "yuv420p") -> bytes:
    """Return a short byte stream of a test picture."""
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=10", "-frames:v", "2"]
    command += ["-c:v", codec, "-preset", "ultrafast", "-pix_fmt", pixels]
    command += ["-x265-params", "log-level=error"] if codec == "libx265" else []
    form = "hevc" if codec == "libx265" else "h264"
    return subprocess.run([*command, "-f", form, "pipe:1"], capture_output=True, check=True).stdout


def probe(path: Path) -> dict[str, dict[str, Any]]:
    """Return ffprobe's facts of each stream, packets counted, by `video` and `audio`."""
    command = ["ffprobe", "-v", "error", "-count_packets", "-show_streams", "-of", "json", str(path)]
    streams = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    return {stream["codec_type"]: stream for stream in streams}


def packets(path: Path, kind: str) -> list[dict[str, str]]:
    """Return the packets of the first `v` or `a` stream: their times, flags and a hash of their bytes."""
    command = ["ffprobe", "-v", "error", "-select_streams", kind, "-show_packets", "-show_data_hash", "md5"]
    command += ["-safe", "0", "-auto_convert", "0"] if path.suffix == ".ffconcat" else []
    answer = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=True).stdout
    found: list[dict[str, str]] = json.loads(answer)["packets"]
    return found


def complaints(path: Path) -> str:
    """Return what ffmpeg complains of when it decodes the whole file."""
    command = ["ffmpeg", "-v", "warning", "-i", str(path), "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, check=False, text=True).stderr
