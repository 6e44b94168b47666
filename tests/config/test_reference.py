from pathlib import Path

from camera_backup.config.reference import markdown

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def test_the_reference_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), f"run: camera-backup schema --markdown > {PAGE}"


def test_every_block_and_key_has_a_meaning() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("| `")]
    assert len(rows) > 15
    assert all(line.rsplit("|", 2)[1].strip() for line in rows), rows


def test_required_keys_are_told_apart() -> None:
    assert "| `bucket` | **required** | the bucket's name |" in markdown()
    assert "| `safety_age` | `300.0` |" in markdown()
