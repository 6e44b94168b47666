"""AAC (ADTS) and G.711 byte streams cut into the frames that a camera sends."""

from __future__ import annotations

AAC_FRAME_SAMPLES = 1024
G711_RATE = 8000
G711_FRAME_BYTES = 160  # 20 ms
_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_ADTS_HEADER_BYTES = 7


class AacSplitter:
    """Takes the ADTS headers off AAC frames; `rate`, `channels` and `config` are known after the first frame."""

    def __init__(self) -> None:
        self._pending = b""
        self.rate = 0
        self.channels = 0
        self.config = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the frames that they complete. Raises ValueError on anything else."""
        self._pending += data
        frames: list[bytes] = []
        while len(self._pending) >= _ADTS_HEADER_BYTES:
            header = self._pending[:_ADTS_HEADER_BYTES]
            if header[0] != 0xFF or header[1] & 0xF0 != 0xF0:  # noqa: PLR2004 - the sync word
                raise ValueError("not an ADTS stream")
            length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
            if len(self._pending) < length:
                break
            self._describe(header)
            skip = _ADTS_HEADER_BYTES if header[1] & 1 else _ADTS_HEADER_BYTES + 2
            frames.append(self._pending[skip:length])
            self._pending = self._pending[length:]
        return frames

    def _describe(self, header: bytes) -> None:
        object_type = (header[2] >> 6) + 1
        rate_index = (header[2] >> 2) & 15
        self.rate = _ADTS_RATES[rate_index]
        self.channels = (header[2] & 1) << 2 | header[3] >> 6
        self.config = (object_type << 11 | rate_index << 7 | self.channels << 3).to_bytes(2, "big")


class G711Splitter:
    """Cuts G.711 into frames of 20 ms."""

    def __init__(self) -> None:
        self._pending = b""
        self.rate = G711_RATE
        self.channels = 1
        self.config = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the frames that they complete."""
        self._pending += data
        whole = len(self._pending) // G711_FRAME_BYTES * G711_FRAME_BYTES
        frames = [self._pending[at : at + G711_FRAME_BYTES] for at in range(0, whole, G711_FRAME_BYTES)]
        self._pending = self._pending[whole:]
        return frames


Splitter = AacSplitter | G711Splitter


def splitter(codec: str) -> Splitter:
    """Return what cuts a stream of `codec` ("aac", "pcma" or "pcmu")."""
    return AacSplitter() if codec == "aac" else G711Splitter()


def frame_seconds(codec: str, rate: int) -> float:
    """Return how long one frame of `codec` sounds."""
    return AAC_FRAME_SAMPLES / rate if codec == "aac" else G711_FRAME_BYTES / G711_RATE
