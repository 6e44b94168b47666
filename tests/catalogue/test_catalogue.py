import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from camera_backup.catalogue import schema as catalogue_schema
from camera_backup.catalogue.catalogue import Catalogue, Kept, Proof
from camera_backup.catalogue.migrations import HEAD
from camera_backup.errors import CatalogueError
from camera_backup.model import Segment, SegmentName, camera_name

NOON = datetime(2024, 1, 18, 12, tzinfo=UTC)
FRONT = camera_name("front-door")
GARAGE = camera_name("garage")


def _segment(number: int = 0, camera: str = "front-door") -> Segment:
    name = SegmentName(NOON + timedelta(seconds=number))
    return Segment(camera_name(camera), name, Path("/spool", camera, str(name)), 100 + number)


def _proof(checksum: str = "rosUhgp5mIg=", key: str = "front-door/a.mp4") -> Proof:
    return Proof(key, checksum, 1_705_579_200.123456789)


def _fill(catalogue: Catalogue) -> None:
    for number in range(1000):
        catalogue.record_verified(_segment(number), _proof(), NOON)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.db"


def test_what_was_verified_is_remembered_across_a_restart(file: Path) -> None:
    catalogue = Catalogue.open(file)
    catalogue.record_verified(_segment(), _proof(), NOON)
    catalogue.close()
    row = Catalogue.open(file).verified(_segment(), _proof().checksum)
    assert row is not None
    assert (row.camera, str(row.name), row.start, row.size) == (FRONT, "20240118_120000.mp4", NOON, 100)
    assert (row.key, row.checksum, row.modified) == ("front-door/a.mp4", "rosUhgp5mIg=", _proof().modified)
    assert (row.verified_at, row.removed_at) == (NOON, None)


def test_the_same_name_with_other_content_is_another_segment(file: Path) -> None:
    catalogue = Catalogue.open(file)
    catalogue.record_verified(_segment(), _proof("AAAAAAAAAAA=", "one"), NOON)
    catalogue.record_verified(_segment(), _proof("BBBBBBBBBBB=", "two"), NOON)
    found = [catalogue.verified(_segment(), sum_) for sum_ in ("AAAAAAAAAAA=", "BBBBBBBBBBB=", "CCCCCCCCCCC=")]
    assert [row and row.key for row in found] == ["one", "two", None]


def test_recording_twice_keeps_one_row_with_the_latest_facts(file: Path) -> None:
    catalogue = Catalogue.open(file)
    for key in ("one", "two"):
        catalogue.record_verified(_segment(), _proof(key=key), NOON)
    row = catalogue.verified(_segment(), _proof().checksum)
    assert row is not None
    assert row.key == "two"
    assert sqlite3.connect(file).execute("SELECT count(*) FROM segments").fetchone() == (1,)


def test_a_removed_file_is_no_longer_kept_and_one_that_comes_back_is(file: Path) -> None:
    catalogue = Catalogue.open(file)
    kept = Kept(FRONT, "20240118_120000.mp4", 100, _proof().modified)
    catalogue.record_verified(_segment(), _proof(), NOON)
    assert catalogue.kept() == {kept}
    catalogue.record_removed(_segment(), _proof().checksum, NOON + timedelta(minutes=1))
    row = catalogue.verified(_segment(), _proof().checksum)
    assert row is not None
    assert row.removed_at == NOON + timedelta(minutes=1)
    assert catalogue.kept() == set()
    catalogue.record_verified(_segment(), _proof(), NOON)
    assert catalogue.kept() == {kept}


def test_files_that_are_gone_are_no_longer_kept_and_others_are(file: Path) -> None:
    catalogue = Catalogue.open(file)
    for number in range(3):
        catalogue.record_verified(_segment(number), _proof(), NOON)
    first, second, third = sorted(catalogue.kept(), key=lambda kept: kept.name)
    catalogue.record_gone([first, third], NOON)
    catalogue.record_gone([], NOON)
    assert catalogue.kept() == {second}


def test_the_last_upload_is_known_for_each_camera_and_for_all(file: Path) -> None:
    catalogue = Catalogue.open(file)
    assert catalogue.last_upload() is None
    catalogue.record_verified(_segment(5), _proof(key="later"), NOON + timedelta(minutes=1))
    catalogue.record_verified(_segment(9), _proof(key="earlier"), NOON)
    catalogue.record_verified(_segment(0, "garage"), _proof(key="last"), NOON + timedelta(minutes=2))
    found = [catalogue.last_upload(camera) for camera in (FRONT, GARAGE, camera_name("attic"), None)]
    assert [row and row.key for row in found] == ["later", "last", None, "last"]


def test_times_come_back_in_utc_and_a_time_without_zone_is_refused(file: Path) -> None:
    catalogue = Catalogue.open(file)
    catalogue.record_verified(_segment(), _proof(), NOON.astimezone(timezone(timedelta(hours=5))))
    row = catalogue.verified(_segment(), _proof().checksum)
    assert row is not None
    assert row.verified_at == NOON
    assert row.verified_at.tzinfo is UTC
    with pytest.raises(CatalogueError, match="without a zone"):
        catalogue.record_verified(_segment(), _proof(), NOON.replace(tzinfo=None))


def test_a_commit_is_on_disk_and_readers_do_not_block_it(file: Path) -> None:
    catalogue = Catalogue.open(file)
    engine = catalogue_schema.engine(catalogue_schema.sqlite_url(file), read_only=False)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    reader = sqlite3.connect(file, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM segments").fetchall()
    catalogue.record_verified(_segment(), _proof(), NOON)


def test_several_threads_may_record_at_once(file: Path) -> None:
    catalogue = Catalogue.open(file)

    def record(first: int) -> None:
        for number in range(first, first + 20):
            catalogue.record_verified(_segment(number), _proof(), NOON)

    threads = [threading.Thread(target=record, args=(first,)) for first in (0, 20, 40, 60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(catalogue.kept()) == 80


class TestSchema:
    def test_the_migrations_make_exactly_the_tables_that_are_used(self, file: Path) -> None:
        Catalogue.open(file)
        engine = catalogue_schema.engine(catalogue_schema.sqlite_url(file), read_only=False)
        with engine.begin() as connection:
            assert compare_metadata(MigrationContext.configure(connection), catalogue_schema.metadata) == []
            assert catalogue_schema.revision(connection) == HEAD

    def test_alembic_is_only_loaded_when_there_is_something_to_do(self, file: Path) -> None:
        script = (
            "import sys; from pathlib import Path; from camera_backup.catalogue.catalogue import Catalogue;"
            "Catalogue.open(Path(sys.argv[1])); print('alembic' in sys.modules)"
        )
        said = [
            subprocess.run(
                [sys.executable, "-c", script, str(file)], check=True, capture_output=True, text=True
            ).stdout.strip()
            for _ in range(2)
        ]
        assert said == ["True", "False"]

    def test_a_migration_that_is_cut_short_leaves_nothing_half_done(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def power_cut(*_arguments: object, **_options: object) -> None:
            raise OSError("power cut")

        with monkeypatch.context() as patch:
            patch.setattr(op, "create_index", power_cut)
            with pytest.raises(CatalogueError, match="power cut"):
                Catalogue.open(file)
        Catalogue.open(file).record_verified(_segment(), _proof(), NOON)

    def test_a_database_of_a_newer_version_is_left_alone(self, file: Path) -> None:
        Catalogue.open(file).close()
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(CatalogueError, match="newer version") as caught:
            Catalogue.open(file)
        assert caught.value.permanent
        assert [path.name for path in file.parent.glob("*corrupt*")] == []

    def test_a_path_with_odd_characters_works(self, tmp_path: Path) -> None:
        folder = tmp_path / "100 %?#&ü"
        folder.mkdir()
        Catalogue.open(folder / "catalogue.db").record_verified(_segment(), _proof(), NOON)
        assert (folder / "catalogue.db").exists()


class TestDamage:
    def test_a_file_that_is_no_database_is_moved_aside_and_a_new_one_begun(
        self, file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        file.write_bytes(b"no database at all" * 1000)
        catalogue = Catalogue.open(file)
        catalogue.record_verified(_segment(), _proof(), NOON)
        assert file.with_name("catalogue.db.corrupt").read_bytes().startswith(b"no database")
        assert [record.levelname for record in caplog.records if "moved aside" in record.message] == ["WARNING"]

    def test_damage_that_shows_later_is_dealt_with_too(self, file: Path) -> None:
        catalogue = Catalogue.open(file)
        for number in range(500):
            catalogue.record_verified(_segment(number), _proof(), NOON)
        catalogue.close()
        content = bytearray(file.read_bytes())
        content[4096:] = b"\xa5" * (len(content) - 4096)
        file.write_bytes(content)
        catalogue.record_verified(_segment(), _proof(), NOON)
        assert catalogue.verified(_segment(), _proof().checksum) is not None
        assert file.with_name("catalogue.db.corrupt").exists()

    def test_a_second_damaged_file_does_not_replace_the_first(self, file: Path) -> None:
        for content in (b"first" * 1000, b"second" * 1000):
            file.write_bytes(content)
            Catalogue.open(file).close()
            for suffix in ("", "-wal", "-shm"):
                file.with_name(file.name + suffix).unlink(missing_ok=True)
        assert file.with_name("catalogue.db.corrupt").read_bytes()[:5] == b"first"
        assert file.with_name("catalogue.db.corrupt.1").read_bytes()[:6] == b"second"

    def test_a_file_that_is_taken_away_while_open_is_begun_anew(self, file: Path) -> None:
        catalogue = Catalogue.open(file)
        catalogue.record_verified(_segment(), _proof(), NOON)
        for path in file.parent.iterdir():
            path.unlink()
        catalogue.ensure()
        catalogue.record_verified(_segment(1), _proof(), NOON)
        assert catalogue.began_empty
        assert sqlite3.connect(file).execute("SELECT count(*) FROM segments").fetchone() == (1,)

    def test_a_full_disk_is_an_error_and_no_reason_to_begin_anew(self, file: Path) -> None:
        catalogue = Catalogue.open(file)
        engine = catalogue._engine
        assert engine is not None

        def limit(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
            connection.execute("PRAGMA max_page_count=1")

        sa.event.listen(engine, "checkout", limit)
        with pytest.raises(CatalogueError, match=r"full .*free some disk space"):
            _fill(catalogue)
        assert not file.with_name("catalogue.db.corrupt").exists()

    def test_a_folder_that_is_missing_is_an_error_that_names_the_file(self, tmp_path: Path) -> None:
        with pytest.raises(CatalogueError, match=r"missing/catalogue\.db"):
            Catalogue.open(tmp_path / "missing" / "catalogue.db")


class TestReadOnly:
    def test_reads_what_the_uploader_writes_and_cannot_write(self, file: Path) -> None:
        writer = Catalogue.open(file)
        reader = Catalogue.open(file, read_only=True)
        writer.record_verified(_segment(), _proof(), NOON)
        last = reader.last_upload()
        assert last is not None
        assert last.key == "front-door/a.mp4"
        with pytest.raises(CatalogueError, match="readonly"):
            reader.record_removed(_segment(), _proof().checksum, NOON)

    def test_makes_no_file_and_says_who_makes_it(self, file: Path) -> None:
        with pytest.raises(CatalogueError, match="uploader's first run"):
            Catalogue.open(file, read_only=True)
        assert not file.exists()

    def test_leaves_a_damaged_file_where_it_is(self, file: Path) -> None:
        file.write_bytes(b"no database at all" * 1000)
        with pytest.raises(CatalogueError, match="not a database"):
            Catalogue.open(file, read_only=True).last_upload()
        assert [path.name for path in file.parent.iterdir()] == [file.name]
