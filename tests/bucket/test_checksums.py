import hashlib
import os
from pathlib import Path

import pytest

from camera_backup.bucket.checksums import crc64nvme, digest, part_size

# From the CRC catalogue: CRC-64/NVME of "123456789" is 0xae8b14860a799888.
CHECK = "rosUhgp5mIg="


def test_the_checksum_is_crc64_nvme_in_base64(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"123456789")
    with (tmp_path / "file").open("rb") as file:
        summed = digest(file.fileno())
    assert (summed.size, summed.crc64nvme, summed.etag) == (9, CHECK, None)
    assert crc64nvme(b"123456789") == CHECK


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2000, 12_345])
def test_a_file_in_parts_has_the_checksum_of_the_whole(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    with (tmp_path / "file").open("rb") as file:
        summed = digest(file.fileno(), md5=True, smallest_part=1000)
    assert summed.size == size
    assert summed.crc64nvme == crc64nvme(content)
    assert [part.size for part in summed.parts] == ([1000] * (size // 1000) + [size % 1000] * (size % 1000 > 0) or [0])
    for part in summed.parts:
        assert part.crc64nvme == crc64nvme(content[part.offset : part.offset + part.size])


def test_the_etag_is_the_md5_or_the_md5_of_the_parts_md5s(tmp_path: Path) -> None:
    content = os.urandom(2500)
    (tmp_path / "file").write_bytes(content)
    with (tmp_path / "file").open("rb") as file:
        whole = digest(file.fileno(), md5=True)
        parts = digest(file.fileno(), md5=True, smallest_part=1000)
    sums = b"".join(hashlib.md5(content[at : at + 1000]).digest() for at in (0, 1000, 2000))
    assert whole.etag == hashlib.md5(content).hexdigest()
    assert parts.etag == f"{hashlib.md5(sums).hexdigest()}-3"


def test_reading_neither_uses_nor_moves_the_position(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"123456789")
    with (tmp_path / "file").open("rb") as file:
        file.seek(4)
        assert digest(file.fileno()).crc64nvme == CHECK
        assert file.tell() == 4


def test_progress_hears_of_every_byte_and_stops_the_reading_by_raising(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(3_000_000))
    heard: list[int] = []
    with (tmp_path / "file").open("rb") as file:
        digest(file.fileno(), progress=heard.append)
        assert sum(heard) == 3_000_000

        def stop(_count: int) -> None:
            raise InterruptedError

        with pytest.raises(InterruptedError):
            digest(file.fileno(), progress=stop)


def test_a_huge_file_has_no_more_parts_than_s3_takes() -> None:
    size = 5 << 40
    assert -(-size // part_size(size)) <= 10_000
    assert part_size(100 << 20) == 64 << 20
