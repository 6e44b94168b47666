"""The uploader's small parts: lock, wake-up, troubles, and how requests are signed."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from camera_backup.bucket.bucket import S3Bucket
from camera_backup.errors import StorageError, UnavailableError
from camera_backup.logs import Log
from camera_backup.model import SegmentName, camera_name
from camera_backup.settings import UploaderSettings
from camera_backup.single import only_one
from camera_backup.spool.writer import publish_file
from camera_backup.uploader.troubles import Troubles
from camera_backup.uploader.wakeup import wakeup
from tests.support.uploading import HandClock


class TestOnlyOne:
    def test_a_second_one_is_refused_until_the_first_is_done(self, tmp_path: Path) -> None:
        lock = tmp_path / "uploader.lock"
        with only_one(lock, "uploader"), pytest.raises(UnavailableError, match="another uploader is running"):
            only_one(lock, "uploader").__enter__()
        with only_one(lock, "uploader"):
            pass

    def test_a_lock_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UnavailableError, match=r"missing/lock: No such file"):
            only_one(tmp_path / "missing" / "lock", "uploader").__enter__()


class TestWakeup:
    def test_a_published_segment_wakes_also_in_a_folder_made_later(self, tmp_path: Path) -> None:
        woken = threading.Event()
        with wakeup(tmp_path, woken.set):
            for camera in ("front-door", "garage"):
                folder = tmp_path / camera
                folder.mkdir()
                # The watch on a new folder comes a moment after the folder.
                for serial in range(100):
                    part = folder / ".part"
                    part.write_bytes(b"footage")
                    name = SegmentName.parse("20240118_120000.mp4")
                    publish_file(camera_name(camera), part, SegmentName(name.start, serial))
                    if woken.wait(0.1):
                        break
                assert woken.is_set()
                woken.clear()

    def test_work_in_progress_does_not_wake(self, tmp_path: Path) -> None:
        (tmp_path / "front-door").mkdir()
        woken: list[str] = []
        seen = threading.Event()

        def wake() -> None:
            woken.append("woken")
            seen.set()

        with wakeup(tmp_path, wake):
            (tmp_path / "front-door" / ".20240118_120000.mp4.part").write_bytes(b"footage")
            (tmp_path / "front-door" / "20240118_115900.mp4").touch()
            assert seen.wait(10)
        assert woken == ["woken"]

    def test_what_cannot_be_watched_is_said_once_and_goes_on(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with wakeup(tmp_path / "missing", lambda: None):
            pass
        assert [record.message for record in caplog.records] == ["spool not watched, scanning it instead"]


class TestTroubles:
    def test_the_same_trouble_is_told_once_and_another_one_again(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")
        clock = HandClock()
        troubles = Troubles(Log("test"), clock)
        troubles.end("bucket")
        for message in ("down", "down", "refused", "refused"):
            troubles.begin("bucket", StorageError(message, subject=os.urandom(4).hex()))
            clock.advance(10)
        troubles.end("bucket")
        troubles.end("bucket")
        told = [(record.message, str(record.__dict__["fields"].get("seconds"))) for record in caplog.records]
        assert told == [("bucket trouble", "None"), ("bucket trouble", "None"), ("bucket well again", "40.0")]


class TestSigning:
    @pytest.mark.parametrize(
        ("endpoint", "signed"),
        [("http://127.0.0.1:9", None), ("HTTP://127.0.0.1:9", None), ("https://127.0.0.1:9", False), (None, False)],
    )
    def test_a_body_goes_unsigned_only_inside_tls(self, endpoint: str | None, signed: bool | None) -> None:
        wanted = UploaderSettings(
            spool="", state="", bucket="footage", access_key_id="k", secret_access_key="s", endpoint=endpoint
        )
        config = S3Bucket.connect(wanted)._client.meta.config
        assert config.s3.get("payload_signing_enabled") is signed
        assert config.signature_version == "s3v4"
        assert config.request_checksum_calculation == "when_required"
        assert config.response_checksum_validation == "when_required"


class TestCost:
    def test_a_running_uploader_has_neither_alembic_nor_pydantic_nor_yaml_loaded(self, tmp_path: Path) -> None:
        script = (
            "import sys\n"
            "from pathlib import Path\n"
            "from camera_backup.catalogue.catalogue import Catalogue\n"
            "import camera_backup.cli.upload, camera_backup.bucket.bucket\n"
            "import camera_backup.uploader.uploader, camera_backup.uploader.wakeup\n"
            "Catalogue.open(Path(sys.argv[1]))\n"
            "print([name for name in ('alembic', 'pydantic', 'yaml', 'av', 'aiohttp') if name in sys.modules])"
        )
        argv = [sys.executable, "-c", script, str(tmp_path / "catalogue.db")]
        for _ in range(2):
            done = subprocess.run(argv, check=True, capture_output=True, text=True)
        assert done.stdout.strip() == "[]"
