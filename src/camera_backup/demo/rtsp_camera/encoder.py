"""ffmpeg command lines that make a camera's picture and sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .spec import CameraSpec

_FFMPEG = ("ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning")
_AUDIO = {"aac": ("aac", "adts"), "pcma": ("pcm_alaw", "alaw"), "pcmu": ("pcm_mulaw", "mulaw")}
_LOOP_SECONDS = 4.0
_ENDLESS_SECONDS = 60.0
# A rising tone: hardly two frames of it are alike, so that a lost or doubled one shows.
_SWEEP = "aevalsrc=0.3*sin(2*PI*t*(300+50*t)):sample_rate={rate}"
_BEEP = "sine=frequency=440:beep_factor=2:sample_rate={rate}"
_CLOCK = (
    "drawtext=text='%{localtime\\:%Y-%m-%d %H\\\\\\:%M\\\\\\:%S} UTC':fontcolor=white:fontsize=h/12"
    ":box=1:boxcolor=black@0.7:boxborderw=8:x=(w-tw)/2:y=h*0.8"
)


def video_loop_command(spec: CameraSpec, output: str) -> list[str]:
    """Return the command that writes a video loop of whole GOPs to `output`, as a byte stream."""
    gop = spec.gop_frames
    wanted = round(_LOOP_SECONDS * spec.fps)
    frames = round(_ENDLESS_SECONDS * spec.fps) if _endless(spec) else gop * max(1, -(-wanted // gop))
    source = ("-f", "lavfi", "-i", _picture(spec), "-frames:v", str(frames))
    return [*_FFMPEG, "-y", *source, *_video_options(spec), "-f", _container(spec), output]


def audio_loop_command(spec: CameraSpec, output: str) -> list[str]:
    """Return the command that writes an audio loop to `output`: ADTS for AAC, bare samples for G.711."""
    source = ("-f", "lavfi", "-i", _SWEEP.format(rate=spec.sample_rate), "-t", f"{2 * _LOOP_SECONDS:g}")
    return [*_FFMPEG, "-y", *source, *_audio_options(spec), output]


def live_command(spec: CameraSpec, audio_descriptor: int) -> list[str]:
    """Return the command that encodes in real time: video to standard output, audio to `audio_descriptor`."""
    inputs = ["-re", "-f", "lavfi", "-i", _picture(spec)]
    audio: list[str] = []
    if spec.audio != "none":
        inputs += ["-re", "-f", "lavfi", "-i", _BEEP.format(rate=spec.sample_rate)]
        audio = ["-map", "1:a", *_audio_options(spec), "-flush_packets", "1", f"pipe:{audio_descriptor}"]
    options = ("-map", "0:v", "-vf", _CLOCK, *_video_options(spec), "-tune", "zerolatency", "-threads", "1")
    return [*_FFMPEG, *inputs, *options, "-flush_packets", "1", "-f", _container(spec), "pipe:1", *audio]


def _picture(spec: CameraSpec) -> str:
    return f"testsrc2=size={spec.width}x{spec.height}:rate={spec.fps}"


def _container(spec: CameraSpec) -> str:
    return "hevc" if spec.video == "h265" else "h264"


def _endless(spec: CameraSpec) -> bool:
    return spec.keyframes == "only_first"


def _video_options(spec: CameraSpec) -> tuple[str, ...]:
    # Fixed GOPs and a fixed pattern of B-frames that refer only to their neighbours: then the order in which
    # frames are shown can be told from their kinds. Delimiters make frames easy to cut apart.
    gop = 100_000 if _endless(spec) else spec.gop_frames
    rate = f"{spec.bitrate_kbps}k"
    common = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={spec.b_frames}:b-adapt=0:aud=1:repeat-headers=1"
    if spec.video == "h265":
        parameters = ("-c:v", "libx265", "-x265-params", f"{common}:b-pyramid=0:open-gop=0:log-level=error")
    else:
        parameters = ("-c:v", "libx264", "-x264-params", f"{common}:b-pyramid=none:open-gop=0")
    budget = ("-b:v", rate, "-maxrate", rate, "-bufsize", rate)
    return (*parameters, *budget, "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def _audio_options(spec: CameraSpec) -> tuple[str, ...]:
    encoder, container = _AUDIO[spec.audio]
    return ("-c:a", encoder, "-ar", str(spec.sample_rate), "-ac", "1", "-f", container)
