"""What a camera is asked to be."""

from __future__ import annotations

from dataclasses import dataclass, field

_CHOICES = {
    "video": ("h264", "h265"),
    "audio": ("aac", "pcma", "pcmu", "none"),
    "audio_rate": (48000, 16000),
    "auth": ("digest", "basic"),
    "keyframes": ("normal", "only_first"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSpec:
    """One camera.

    `path` is the last part of its URL. `audio_rate` is AAC's sample rate in Hz; G.711 always has 8000.
    `gop_seconds` is the time between keyframes. Without `user` the camera lets everybody in. With `live_clock` the
    picture shows the time and is encoded as it is sent; else a loop is played that was encoded once. With
    `keyframes="only_first"` a camera that nobody watched sends a keyframe to the first who comes, then none.
    """

    path: str
    video: str = "h264"
    audio: str = "aac"
    audio_rate: int = 48000
    width: int = 640
    height: int = 360
    fps: int = 25
    gop_seconds: float = 2.0
    bitrate_kbps: int = 800
    b_frames: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    auth: str = "digest"
    live_clock: bool = False
    keyframes: str = "normal"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{self.path}: {name} is one of {choices}, not {getattr(self, name)!r}")
        if (self.user is None) != (self.password is None):
            raise ValueError(f"{self.path}: user and password go together")
        if self.live_clock and (self.b_frames or self.keyframes != "normal"):
            raise ValueError(f"{self.path}: a live clock has no B-frames and normal keyframes")

    @property
    def gop_frames(self) -> int:
        """Frames from one keyframe to the next."""
        return max(1, round(self.gop_seconds * self.fps))

    @property
    def sample_rate(self) -> int:
        """The audio's sample rate in Hz."""
        return self.audio_rate if self.audio == "aac" else 8000
