"""The loops of picture and sound that cameras play: encoded once, kept in a cache that many may share."""

import hashlib
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from camera_backup.demo.rtsp_camera.encoder import audio_loop_command, video_loop_command
from camera_backup.demo.rtsp_camera.spec import CameraSpec
from camera_backup.errors import UnavailableError

_ENCODE_SECONDS = 300.0


def loops(spec: CameraSpec, cache: Path) -> dict[str, Path]:
    """Return the files of a camera's loops, by "video" and "audio"; encode those that `cache` lacks.

    Several processes may do so at once: each file appears complete, or not at all.
    """
    cache.mkdir(parents=True, exist_ok=True)
    files = {"video": _cached(cache, spec, video_loop_command)}
    if spec.audio != "none":
        files["audio"] = _cached(cache, spec, audio_loop_command)
    return files


def _cached(cache: Path, spec: CameraSpec, command: Callable[[CameraSpec, str], list[str]]) -> Path:
    key = hashlib.sha256(" ".join(command(spec, "")).encode()).hexdigest()[:24]
    file = cache / key
    if file.exists():
        return file
    with tempfile.TemporaryDirectory(dir=cache, prefix=".") as folder:
        made = Path(folder, key)
        try:
            subprocess.run(
                command(spec, str(made)), capture_output=True, timeout=_ENCODE_SECONDS, check=True, text=True
            )
        except FileNotFoundError as error:
            raise UnavailableError("ffmpeg is not installed", hint="sudo apt-get install ffmpeg") from error
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
            raise UnavailableError(f"ffmpeg could not encode a loop: {last}", subject=spec.path) from error
        made.replace(file)
    return file
