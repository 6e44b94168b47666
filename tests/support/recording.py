"""Records a camera the plainest way: ffmpeg, copying what comes."""

import json
import subprocess
from pathlib import Path

_COMMAND = ("ffmpeg", "-v", "error", "-nostdin", "-y", "-rtsp_transport", "tcp", "-timeout", "10000000")


def record_command(url: str, output: Path, seconds: float) -> list[str]:
    """Return the command that copies `seconds` of the stream to a file."""
    return [*_COMMAND, "-i", url, "-map", "0", "-t", f"{seconds:g}", "-c", "copy", str(output)]


def record(url: str, output: Path, seconds: float) -> str:
    """Record `seconds` of a stream; return what ffmpeg had to say, and fail the test if it could not."""
    done = try_to_record(url, output, seconds)
    assert done.returncode == 0, done.stderr
    return done.stderr


def try_to_record(url: str, output: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    """Record `seconds` of a stream, or see how that fails."""
    return subprocess.run(
        record_command(url, output, seconds), capture_output=True, text=True, timeout=seconds + 45, check=False
    )


def presentation_times(url: str, seconds: float) -> list[float]:
    """Watch a stream for `seconds`; return when its frames are to be shown, in the order in which they come.

    The first frame is left out: ffmpeg loses the time stamp of the first frame of any RTSP stream.
    """
    command = ("ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-select_streams", "v:0", "-of", "json")
    options = ("-read_intervals", f"%+{seconds:g}", "-show_entries", "packet=pts_time", url)
    done = subprocess.run((*command, *options), capture_output=True, timeout=seconds + 45, check=True)
    return [float(packet["pts_time"]) for packet in json.loads(done.stdout)["packets"][1:]]
