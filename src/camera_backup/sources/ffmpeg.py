"""How ffmpeg is called, and what its complaints mean. Standard library only."""

import re

# A fragment every half second bounds what a crash can cost; `default_base_moof` lets a fragment move between files.
_MOVFLAGS = "+frag_keyframe+empty_moov+default_base_moof"
FRAGMENT_MICROSECONDS = 500_000
_PROTOCOLS = "file,pipe,tcp,tls,udp,rtp,rtsp,rtsps,crypto"

# Encodings an MP4 holds and browsers play as they come; everything else becomes AAC.
_COPIED = {"MPEG4-GENERIC", "MP4A-LATM"}

# What ffmpeg says when a stream ends, in words for the gap record; the first that fits counts.
_CAUSES = (
    (r"401 Unauthorized|403 Forbidden|authorization failed", "unauthorised"),
    (r"404 (Stream )?Not Found", "not-found"),
    (r"Connection refused", "refused"),
    (r"timed out|Operation timed out", "timeout"),
    (r"No route to host|Network is unreachable|Name or service not known|Failed to resolve", "unreachable"),
    (r"No space left on device", "disk-full"),
    (r"Invalid data found", "garbage"),
)


def input_list(url: str, timeout: float) -> str:
    """Return the ffconcat text that makes ffmpeg read `url`: given on standard input, it shows in no process list."""
    quoted = url.replace("'", r"'\''")
    return (
        "ffconcat version 1.0\n"
        f"file '{quoted}'\n"
        "option rtsp_transport tcp\n"
        # ffmpeg waits twice this long before it gives up.
        f"option timeout {round(timeout / 2 * 1e6)}\n"
    )


def arguments(program: str, video: str | None, audio: str | None, wish: str) -> list[str]:
    """Return the command that reads an ffconcat list from stdin and writes fragmented MP4 to stdout.

    `video` and `audio` are the encodings as SDP names them, `wish` is the configuration's `audio:`.
    """
    command = [program, "-hide_banner", "-loglevel", "warning", "-nostats"]
    command += ["-f", "concat", "-safe", "0", "-protocol_whitelist", _PROTOCOLS, "-i", "pipe:0"]
    command += ["-map", "0:v:0", "-c:v", "copy"]
    if video == "H265":
        command += ["-tag:v", "hvc1"]  # Apple's players know HEVC by this name only
    command += audio_arguments(audio, wish)
    # A silent second stream must not make ffmpeg hold the other one back for its usual 10 s.
    command += ["-max_interleave_delta", str(FRAGMENT_MICROSECONDS)]
    command += ["-f", "mp4", "-movflags", _MOVFLAGS, "-frag_duration", str(FRAGMENT_MICROSECONDS)]
    return [*command, "-flush_packets", "1", "pipe:1"]


def audio_arguments(encoding: str | None, wish: str) -> list[str]:
    """Return what to do with audio of that SDP encoding: `auto` copies AAC and turns anything else into AAC."""
    if encoding is None or wish == "off":
        return ["-an"]
    codec = "copy" if wish == "copy" or (wish == "auto" and encoding in _COPIED) else "aac"
    return ["-map", "0:a:0?", "-c:a", codec]


def cause_of(complaints: str) -> str | None:
    """Return the word for why ffmpeg stopped, by what it said; None if that tells nothing."""
    return next((cause for pattern, cause in _CAUSES if re.search(pattern, complaints)), None)
