import pytest

from camera_backup.bucket.checksums import Digest, Part
from camera_backup.bucket.stored import Agreement, Stored, compare

CRC, OTHER_CRC = "rosUhgp5mIg=", "AAAAAAAAAAA="
MD5, MD5_HEX = "XUFAKrxLKna5cZ2REBfFkg==", "5d41402abc4b2a76b9719d911017c592"
WITH_MD5 = Digest(9, CRC, (Part(0, 9, CRC, MD5),))
WITHOUT = Digest(9, CRC, (Part(0, 9, CRC, None),))


@pytest.mark.parametrize(
    ("size", "crc", "etag", "digest", "expected"),
    [
        (9, CRC, None, WITHOUT, Agreement.SAME),
        (9, CRC, "not an md5", WITH_MD5, Agreement.SAME),
        (8, CRC, MD5_HEX, WITH_MD5, Agreement.DIFFERENT),
        (8, None, None, WITHOUT, Agreement.DIFFERENT),
        (9, OTHER_CRC, MD5_HEX, WITH_MD5, Agreement.DIFFERENT),
        (9, "", None, WITH_MD5, Agreement.DIFFERENT),
        (9, None, MD5_HEX, WITH_MD5, Agreement.SAME),
        (9, None, MD5_HEX.replace("5", "6"), WITH_MD5, Agreement.DIFFERENT),
        (9, None, MD5_HEX + "-2", WITH_MD5, Agreement.DIFFERENT),
        (9, None, MD5_HEX, WITHOUT, Agreement.UNKNOWN),
        (9, None, "not an md5", WITH_MD5, Agreement.UNKNOWN),
        (9, None, None, WITH_MD5, Agreement.UNKNOWN),
    ],
)
def test_only_proof_counts_as_the_same(
    size: int, crc: str | None, etag: str | None, digest: Digest, expected: Agreement
) -> None:
    assert compare(Stored("key", size, crc, etag), digest) is expected
