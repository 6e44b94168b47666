"""Reads what an MP4 file must say of its video from sequence parameter sets: ITU-T H.264, 7.3.2.1; H.265, 7.3.2.2.

Standard library only.
"""

from dataclasses import dataclass

LARGEST = 16_384  # pixels; a picture larger than this is a misread one
_WITH_CHROMA = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}


@dataclass(frozen=True, slots=True)
class Picture:
    """A stream's pictures: width and height in pixels, chroma format (1 is 4:2:0), bits of a luma and chroma sample."""

    width: int
    height: int
    chroma: int
    luma_bits: int
    chroma_bits: int


class Bits:
    """The bits of a NAL unit, its emulation prevention bytes taken out, read in order; ValueError past the end."""

    def __init__(self, unit: bytes) -> None:
        data = unit.replace(b"\0\0\3", b"\0\0")
        self._bits = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """Return the next `count` bits as a number."""
        self._left -= count
        if self._left < 0:
            raise ValueError("a parameter set is cut short")
        return self._bits >> self._left & ((1 << count) - 1)

    def number(self) -> int:
        """Return the next Exp-Golomb coded number, unsigned: ue(v)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """Return the next Exp-Golomb coded number, signed: se(v)."""
        code = self.number()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def read_h264(unit: bytes) -> Picture:
    """Read an H.264 sequence parameter set; raises ValueError."""
    bits = Bits(unit)
    bits.take(8)
    profile = bits.take(8)
    bits.take(16)
    bits.number()
    chroma, luma_bits, chroma_bits, separate = 1, 8, 8, 0
    if profile in _WITH_CHROMA:
        chroma = bits.number()
        separate = bits.take(1) if chroma == 3 else 0  # noqa: PLR2004 - 4:4:4
        luma_bits, chroma_bits = 8 + bits.number(), 8 + bits.number()
        bits.take(1)
        if bits.take(1):
            _skip_scaling_lists(bits, 12 if chroma == 3 else 8)  # noqa: PLR2004
    bits.number()
    _skip_order(bits)
    bits.number()
    bits.take(1)
    width = 16 * (bits.number() + 1)
    height = 16 * (bits.number() + 1)
    frames_only = bits.take(1)
    height *= 2 - frames_only
    bits.take(1 if frames_only else 2)
    across, down = (1, 1) if separate else _subsampling(chroma)
    crop = [bits.number() for _ in range(4)] if bits.take(1) else [0] * 4
    width -= across * (crop[0] + crop[1])
    height -= down * (2 - frames_only) * (crop[2] + crop[3])
    return _checked(Picture(width, height, chroma, luma_bits, chroma_bits))


def read_h265(unit: bytes) -> Picture:
    """Read an H.265 sequence parameter set; raises ValueError."""
    bits = Bits(unit)
    bits.take(16 + 4)
    layers = bits.take(3)
    bits.take(1 + 96)
    if layers:
        present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
        bits.take(2 * (8 - layers))
        for profile, level in present:
            bits.take(88 * profile + 8 * level)
    bits.number()
    chroma = bits.number()
    if chroma == 3:  # noqa: PLR2004 - 4:4:4
        bits.take(1)
    width, height = bits.number(), bits.number()
    across, down = _subsampling(chroma)
    crop = [bits.number() for _ in range(4)] if bits.take(1) else [0] * 4
    width -= across * (crop[0] + crop[1])
    height -= down * (crop[2] + crop[3])
    return _checked(Picture(width, height, chroma, 8 + bits.number(), 8 + bits.number()))


def _subsampling(chroma: int) -> tuple[int, int]:
    return (2 if chroma in {1, 2} else 1, 2 if chroma == 1 else 1)


def _skip_scaling_lists(bits: Bits, count: int) -> None:
    for number in range(count):
        last = following = 8
        for _ in range((16 if number < 6 else 64) if bits.take(1) else 0):  # noqa: PLR2004 - 4x4 lists come first
            if following:
                following = (last + bits.signed()) % 256
            last = following or last


def _skip_order(bits: Bits) -> None:
    kind = bits.number()
    if kind == 0:
        bits.number()
    elif kind == 1:
        bits.take(1)
        bits.number()
        bits.number()
        for _ in range(min(bits.number(), 255)):
            bits.number()


def _checked(picture: Picture) -> Picture:
    if not (0 < picture.width <= LARGEST and 0 < picture.height <= LARGEST and picture.chroma <= 3):  # noqa: PLR2004
        raise ValueError("a parameter set that makes no sense")
    if max(picture.luma_bits, picture.chroma_bits) > 15:  # noqa: PLR2004 - 7 bits more than 8 fit in
        raise ValueError("a parameter set that makes no sense")
    return picture
