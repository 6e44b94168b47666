"""Those that record the same camera side by side, each the way its own manual says."""

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from camera_backup.errors import UnavailableError

OURS, BARE = "camera-backup", "ffmpeg"
_PACKAGES = {
    "ffmpeg": "ffmpeg",
    "gst-launch-1.0": "gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-bad",
    "motion": "motion",
}


@dataclass(frozen=True, slots=True)
class Job:
    """One recording to make: the camera's URL, an existing folder for it, and the length of a segment in seconds."""

    url: str
    folder: Path
    segment: int


@dataclass(frozen=True, slots=True)
class Contender:
    """A recorder: `command` prepares a job and returns the argv for it; `finish` is the signal that ends it cleanly."""

    name: str
    program: str
    command: Callable[[Job], list[str]]
    pattern: str
    finish: signal.Signals = signal.SIGINT
    environment: dict[str, str] = field(default_factory=dict)


def ours(job: Job) -> list[str]:
    """Prepare the recorder; it runs as its unit starts it."""
    sealed = job.folder / "settings.json"
    facts = {"camera": "bench", "url": job.url, "folder": str(job.folder / "bench"), "segment_duration": job.segment}
    (job.folder / "bench").mkdir(exist_ok=True)
    sealed.write_text(json.dumps(facts))
    return [sys.executable, "-m", "camera_backup", "record", "bench", "--settings", str(sealed)]


def _bare_ffmpeg(job: Job) -> list[str]:
    command = ["ffmpeg", "-hide_banner", "-loglevel", "warning", "-nostats", "-nostdin", "-rtsp_transport", "tcp"]
    command += ["-i", job.url, "-map", "0", "-c", "copy", "-f", "segment", "-segment_time", str(job.segment)]
    return [*command, "-segment_format", "mp4", "-reset_timestamps", "1", str(job.folder / "%05d.mp4")]


def _gstreamer(job: Job) -> list[str]:
    sink = f"splitmuxsink name=m location={job.folder}/%05d.mp4 max-size-time={job.segment * 10**9}"
    video = "s. ! application/x-rtp,media=video ! rtph264depay ! h264parse ! m.video"
    audio = "s. ! application/x-rtp,media=audio ! rtpmp4gdepay ! aacparse ! m.audio_0"
    source = f"rtspsrc location={job.url} protocols=tcp name=s"
    return ["gst-launch-1.0", "-e", "-q", *f"{source} {sink} {video} {audio}".split()]


def _motion(job: Job) -> list[str]:
    settings = {
        "daemon": "off", "log_level": 4, "netcam_url": job.url, "netcam_params": "rtsp_transport=tcp",
        "width": 1920, "height": 1080, "framerate": 25, "target_dir": job.folder, "emulate_motion": "on",
        "movie_output": "on", "movie_passthrough": "on", "movie_codec": "mp4", "movie_max_time": job.segment,
        "movie_filename": "%v-%Y%m%d%H%M%S", "picture_output": "off", "webcontrol_port": 0, "stream_port": 0,
    }  # fmt: skip
    file = job.folder / "motion.conf"
    file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    return ["motion", "-n", "-c", str(file)]


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(OURS, "ffmpeg", ours, "bench/[0-9]*.mp4", signal.SIGTERM),
        Contender(BARE, "ffmpeg", _bare_ffmpeg, "*.mp4"),
        Contender("gstreamer", "gst-launch-1.0", _gstreamer, "*.mp4"),
        Contender("motion", "motion", _motion, "*.mp4", signal.SIGTERM),
    )
}


def require(names: list[str]) -> None:
    """Raise UnavailableError, with the line to type, unless all these contenders can run here."""
    missing = {CONTENDERS[name].program for name in names if shutil.which(CONTENDERS[name].program) is None}
    if missing:
        packages = " ".join(_PACKAGES[program] for program in sorted(missing))
        raise UnavailableError(
            f"not installed: {', '.join(sorted(missing))}",
            operation="benchmark",
            hint=f"sudo apt-get install --no-install-recommends {packages}; or leave it out with --contenders",
        )


def environment() -> dict[str, str]:
    """Return the environment to run a contender in: with compiled Python files, as after an installation."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir(), f"camera-backup-bench-pyc-{os.getuid()}"))}
