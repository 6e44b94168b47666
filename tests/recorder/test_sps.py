from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camera_backup.demo.rtsp_camera.bitstream import split_units
from camera_backup.recorder.sps import Picture, read_h264, read_h265
from tests.support.media import encoded


@lru_cache
def sps(codec: str, size: str, pixels: str = "yuv420p") -> bytes:
    units = split_units(encoded(codec, size, pixels))
    return next(unit for unit in units if (unit[0] & 31 == 7 if codec == "libx264" else unit[0] >> 1 & 63 == 33))


def read(codec: str, unit: bytes) -> Picture:
    return read_h264(unit) if codec == "libx264" else read_h265(unit)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("size", ["160x120", "1920x1080", "322x242"])
def test_the_size_of_the_picture_is_what_was_encoded(codec: str, size: str) -> None:
    picture = read(codec, sps(codec, size))
    assert f"{picture.width}x{picture.height}" == size
    assert (picture.chroma, picture.luma_bits, picture.chroma_bits) == (1, 8, 8)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize(("pixels", "chroma", "bits"), [("yuv422p10le", 2, 10), ("yuv444p", 3, 8)])
def test_chroma_and_depth_are_told(codec: str, pixels: str, chroma: int, bits: int) -> None:
    assert read(codec, sps(codec, "322x242", pixels)) == Picture(322, 242, chroma, bits, bits)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@given(st.binary(max_size=60), st.integers(0, 40))
def test_hostile_parameter_sets_raise_nothing_but_value_errors(codec: str, noise: bytes, kept: int) -> None:
    try:
        picture = read(codec, sps(codec, "160x120")[:kept] + noise)
    except ValueError:
        return
    assert 0 < picture.width <= 16_384
    assert 0 < picture.height <= 16_384
