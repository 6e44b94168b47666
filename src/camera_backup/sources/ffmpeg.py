"""How ffmpeg is called, and what its complaints mean. Standard library only."""

import re

# A fragment every half second bounds what a crash can cost; `default_base_moof` lets a fragment move between files.
_MOVFLAGS = "+frag_keyframe+empty_moov+default_base_moof"
FRAGMENT_MICROSECONDS = 500_000
_PROTOCOLS = "file,pipe,tcp,tls,udp,rtp,rtsp,rtsps,crypto"

# Encodings an MP4 holds and browsers play as they come; everything else becomes AAC.
_COPIED = {"MPEG4-GENERIC", "MP4A-LATM"}

# Encodings that only QuickTime's kin of MP4 holds; ffmpeg refuses a whole recording that would have them in MP4.
_QUICKTIME = {"PCMA", "PCMU", "L8", "L16"}

# What ffmpeg says when it is the sound, its second stream, that it cannot do.
_ABOUT_SOUND = (
    r"for codec \S+ in stream #1\b|not found for input stream #0:1\b|opening encoder for output stream #0:1\b"
)

# What it says although nothing is wrong: `recorder.timeline` sees to the times.
_NOISE = (
    r"Timestamps are unset|pts has no value|Non-monotonous DTS|Too many bits|^\[[^]]*\]$|poorly interleaved|workaround"
)

# How long, in microseconds, and how far, in bytes, ffmpeg looks for the first key frame; it goes on once it has it.
_PATIENCE = {"analyzeduration": 30_000_000, "probesize": 100_000_000}

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


def input_list(url: str) -> str:
    """Return the ffconcat text that makes ffmpeg read `url`: given on standard input, it shows in no process list.

    The source itself watches for footage that does not come; ffmpeg's own time-out only bounds what it cannot see.
    """
    quoted = url.replace("'", r"'\''")
    options = {"rtsp_transport": "tcp", **_PATIENCE, "timeout": _PATIENCE["analyzeduration"]}
    return f"ffconcat version 1.0\nfile '{quoted}'\n" + "".join(
        f"option {name} {value}\n" for name, value in options.items()
    )


def arguments(program: str, video: str | None, audio: str | None, wish: str) -> list[str]:
    """Return the command that reads an ffconcat list from stdin and writes fragmented MP4 to stdout.

    `video` and `audio` are the encodings as SDP names them, `wish` is the configuration's `audio:`.
    """
    command = [program, "-hide_banner", "-loglevel", "warning", "-nostats"]
    # A camera that sets its clock back must not make ffmpeg abort; `recorder.timeline` mends what this leaves.
    command += ["-dts_error_threshold", "10"]
    command += [word for name, value in _PATIENCE.items() for word in (f"-{name}", str(value))]
    command += ["-f", "concat", "-safe", "0", "-protocol_whitelist", _PROTOCOLS, "-i", "pipe:0"]
    command += ["-map", "0:v:0", "-c:v", "copy"]
    if video == "H265":
        command += ["-tag:v", "hvc1"]  # Apple's players know HEVC by this name only
    command += audio_arguments(audio, wish)
    # A silent second stream must not make ffmpeg hold the other one back for its usual 10 s.
    command += ["-max_interleave_delta", str(FRAGMENT_MICROSECONDS)]
    container = "mov" if wish == "copy" and audio in _QUICKTIME else "mp4"
    command += ["-f", container, "-movflags", _MOVFLAGS, "-frag_duration", str(FRAGMENT_MICROSECONDS)]
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


def is_about_sound(complaints: str) -> bool:
    """Tell whether it was the sound that made ffmpeg give up."""
    return cause_of(complaints) is None and re.search(_ABOUT_SOUND, complaints) is not None


def is_noise(line: str) -> bool:
    """Tell whether a line of ffmpeg's says nothing about why it might end."""
    return re.search(_NOISE, line) is not None
