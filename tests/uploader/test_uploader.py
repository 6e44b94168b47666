"""The uploader against a real store and a proxy that lies: footage is never lost, whatever is answered."""

import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from camera_backup.bucket.bucket import Timeouts
from camera_backup.bucket.checksums import crc64nvme
from camera_backup.catalogue.catalogue import Catalogue
from camera_backup.demo.store import Store
from camera_backup.errors import CameraBackupError, CatalogueError, CredentialError, StorageError, UnavailableError
from camera_backup.model import Segment
from camera_backup.spool.reader import Spool
from camera_backup.uploader.patience import Waits
from camera_backup.uploader.uploader import Means, Report, Uploader
from tests.support import s3_proxy as faults
from tests.support.s3_proxy import S3Proxy
from tests.support.uploading import connect, key_of, put_segment, settings, until, waiting

PART = 5 << 20
QUICK = Waits(first=0.05, longest=0.2, refused=0.2, doubted=0.2)


class Site:
    """One machine: its spool, its state, and its bucket behind the proxy."""

    def __init__(self, root: Path, store: Store, bucket: str, proxy: S3Proxy) -> None:
        self.root = root
        self.store = store
        self.bucket = bucket
        self.proxy = proxy
        self.catalogue_file = root / "state" / "catalogue.db"
        (root / "state").mkdir()
        (root / "spool").mkdir()

    def uploader(self, *, timeouts: Timeouts | None = None, waits: Waits = QUICK, **others: object) -> Uploader:
        """A process that has just started."""
        wanted = settings(self.root, self.store, self.bucket, endpoint=self.proxy.endpoint, **others)
        catalogue = Catalogue.open(self.catalogue_file)
        means = Means(connect(wanted, timeouts), catalogue, Spool(self.root / "spool"), waits=waits, smallest_part=PART)
        return Uploader(wanted, means)

    def once(self, **others: object) -> Report:
        return self.uploader(**others).run_once(threading.Event())  # type: ignore[arg-type]

    def objects(self) -> dict[str, bytes]:
        return self.store.objects(self.bucket)

    def rows(self) -> dict[str, str]:
        """Key and content of everything that the catalogue holds for safe."""
        catalogue = Catalogue.open(self.catalogue_file)
        with catalogue._lock:
            catalogue.ensure()
        engine = catalogue._engine
        assert engine is not None
        with engine.begin() as connection:
            rows = connection.exec_driver_sql("SELECT key, checksum FROM segments").fetchall()
        catalogue.close()
        return {row[0]: row[1] for row in rows}

    def check_nothing_lost(self, contents: dict[str, bytes]) -> None:
        """Every segment is in the spool, or the catalogue's key for it holds just that content."""
        objects = self.objects()
        sums = {crc64nvme(content) for key, content in objects.items() if key in self.rows()}
        for name, content in contents.items():
            path = self.root / "spool" / name
            assert path.exists() or crc64nvme(content) in sums, f"{name} is lost"
        for key, checksum in self.rows().items():
            assert crc64nvme(objects[key]) == checksum, f"{key} is not what the catalogue says"

    @contextmanager
    def running(self, **others: object) -> Iterator[Uploader]:
        """An uploader that runs in the background."""
        stop = threading.Event()
        uploader = self.uploader(**others)  # type: ignore[arg-type]
        thread = threading.Thread(target=uploader.run, args=(stop,))
        thread.start()
        try:
            yield uploader
        finally:
            stop.set()
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture
def site(tmp_path: Path, store: Store, bucket_name: str, proxy: S3Proxy) -> Site:
    return Site(tmp_path, store, bucket_name, proxy)


class TestTheStraightLine:
    def test_every_camera_s_segments_arrive_under_their_keys_and_leave_the_spool(self, site: Site) -> None:
        paths = [put_segment(site.root, camera, number) for camera in ("front-door", "garage") for number in range(3)]
        contents = {key_of(path): path.read_bytes() for path in paths}
        report = site.once()
        assert (report.safe, report.failed, report.waiting, report.trouble) == (6, 0, 0, None)
        assert site.objects() == contents
        assert site.rows() == {key: crc64nvme(content) for key, content in contents.items()}
        assert waiting(site.root) == []

    def test_each_segment_costs_one_put_and_one_head(self, site: Site) -> None:
        path = put_segment(site.root)
        Catalogue.open(site.catalogue_file).close()
        site.once()
        assert site.proxy.requests == [("PUT", key_of(path)), ("HEAD", key_of(path))]

    def test_keys_carry_the_prefix(self, site: Site) -> None:
        path = put_segment(site.root)
        site.once(prefix="site-1/")
        assert list(site.objects()) == ["site-1/" + key_of(path)]

    def test_a_large_segment_arrives_whole(self, site: Site) -> None:
        path = put_segment(site.root, content=os.urandom(2 * PART + 7))
        content = path.read_bytes()
        site.once()
        assert site.objects() == {key_of(path): content}
        assert waiting(site.root) == []

    @pytest.mark.parametrize("store_like", [faults.poor, faults.strict])
    @pytest.mark.parametrize("size", [1000, PART + 1])
    def test_a_poor_store_does_too(self, site: Site, store_like: faults.Fault, size: int) -> None:
        site.proxy.base = store_like
        path = put_segment(site.root, content=os.urandom(size))
        content = path.read_bytes()
        assert site.once().safe == 1
        assert site.objects() == {key_of(path): content}
        assert waiting(site.root) == []

    def test_a_young_segment_stays_until_it_is_old_enough(self, site: Site) -> None:
        path = put_segment(site.root)
        os.utime(path)
        report = site.once()
        assert (report.safe, report.waiting) == (0, 1)
        assert site.proxy.requests == []
        assert waiting(site.root) == ["front-door/20240118_120000.mp4"]

    def test_an_empty_spool_is_nothing_to_do(self, site: Site) -> None:
        assert site.once() == Report(0, 0, 0, None)


class TestKeepingTheFiles:
    def test_what_is_safe_stays_and_is_not_uploaded_again(self, site: Site) -> None:
        put_segment(site.root)
        assert site.once(delete_after_upload=False).safe == 1
        site.proxy.requests.clear()
        for _ in range(2):
            assert site.once(delete_after_upload=False) == Report(0, 0, 0, None)
        assert site.proxy.requests == []
        assert waiting(site.root) == ["front-door/20240118_120000.mp4"]

    def test_within_one_run_too(self, site: Site) -> None:
        put_segment(site.root)
        uploader = site.uploader(delete_after_upload=False)
        assert [uploader.run_once(threading.Event()).safe for _ in range(3)] == [1, 0, 0]

    def test_a_kept_file_that_changes_is_uploaded_beside_the_first(self, site: Site) -> None:
        path = put_segment(site.root, content=b"first")
        site.once(delete_after_upload=False)
        put_segment(site.root, content=b"second")
        site.once(delete_after_upload=False)
        other = key_of(path).replace(".mp4", "_1.mp4")
        assert site.objects() == {key_of(path): b"first", other: b"second"}

    def test_a_lost_catalogue_sends_nothing_twice(self, site: Site) -> None:
        paths = [put_segment(site.root, number=number) for number in range(3)]
        site.once(delete_after_upload=False)
        before = site.objects()
        shutil.rmtree(site.root / "state")
        (site.root / "state").mkdir()
        site.proxy.requests.clear()
        assert site.once(delete_after_upload=False).safe == 3
        assert sorted(site.proxy.requests) == sorted(("HEAD", key_of(path)) for path in paths)
        assert site.objects() == before

    def test_deleting_may_be_turned_on_later_and_asks_the_bucket_first(self, site: Site) -> None:
        path = put_segment(site.root)
        site.once(delete_after_upload=False)
        site.proxy.requests.clear()
        site.once()
        assert site.proxy.requests == [("HEAD", key_of(path))]
        assert waiting(site.root) == []


FAILURES: dict[str, Callable[[S3Proxy], faults.Fault]] = {
    "not stored": lambda _: faults.not_stored,
    "truncated": lambda _: faults.truncated,
    "corrupted": lambda _: faults.corrupted,
    "wrong checksum answered": lambda _: faults.wrong_checksum,
    "error in a 200": lambda _: faults.error_in_200,
    "500": lambda _: faults.error(500, "InternalError"),
    "SlowDown": lambda _: faults.error(503, "SlowDown"),
    "reset": lambda _: faults.reset,
    "hang": lambda proxy: proxy.hang,
    "wrong key": lambda _: faults.error(403, "InvalidAccessKeyId"),
    "no bucket": lambda _: faults.error(404, "NoSuchBucket"),
}


class TestLies:
    @pytest.mark.parametrize("base", [faults.Exchange.forward, faults.poor], ids=["full store", "poor store"])
    @pytest.mark.parametrize("failure", FAILURES)
    def test_nothing_is_deleted_on_a_lie_and_all_arrives_afterwards(
        self, site: Site, failure: str, base: faults.Fault
    ) -> None:
        path = put_segment(site.root)
        contents = {f"front-door/{path.name}": path.read_bytes()}
        site.proxy.base = base
        site.proxy.on(FAILURES[failure](site.proxy), "PUT")
        if base is faults.poor and failure == "wrong checksum answered":
            site.proxy.off()
            site.proxy.on(faults.wrong_etag, "PUT")
        uploader = site.uploader(timeouts=Timeouts(connect=1, read=0.3))
        report = uploader.run_once(threading.Event())
        assert (report.safe, report.failed) == (0, 1)
        assert waiting(site.root) == list(contents)
        assert site.rows() == {}
        site.proxy.off()
        until(lambda: uploader.run_once(threading.Event()).safe == 1)
        assert waiting(site.root) == []
        site.check_nothing_lost(contents)

    @pytest.mark.parametrize("lie", [faults.wrong_etag, faults.no_etag], ids=["wrong ETag", "no ETag"])
    def test_an_odd_answer_is_no_harm_where_the_bucket_proves_the_content(self, site: Site, lie: faults.Fault) -> None:
        path = put_segment(site.root)
        contents = {f"front-door/{path.name}": path.read_bytes()}
        site.proxy.on(lie, "PUT")
        assert site.once().safe == 1
        site.check_nothing_lost(contents)

    def test_a_lost_answer_is_made_up_for_without_sending_again(self, site: Site) -> None:
        path = put_segment(site.root)
        content = path.read_bytes()
        site.proxy.on(faults.lost_answer, "PUT", times=2)
        uploader = site.uploader()
        until(lambda: uploader.run_once(threading.Event()).safe == 1)
        assert site.objects() == {key_of(path): content}

    @pytest.mark.parametrize(
        "lie",
        [faults.error(404, "NoSuchKey"), faults.error(500, "InternalError"), faults.no_etag, faults.wrong_checksum],
        ids=["not found", "error", "no proof", "wrong checksum"],
    )
    def test_nothing_is_deleted_while_the_bucket_does_not_show_it(self, site: Site, lie: faults.Fault) -> None:
        put_segment(site.root)
        site.proxy.on(lie, "HEAD")
        uploader = site.uploader()
        for _ in range(2):
            assert uploader.run_once(threading.Event()).safe == 0
        assert len(waiting(site.root)) == 1
        assert site.rows() == {}

    def test_a_store_that_proves_nothing_gets_no_heap_of_copies(self, site: Site) -> None:
        put_segment(site.root)
        site.proxy.base = faults.poor
        site.proxy.on(faults.no_etag, "HEAD")
        uploader = site.uploader()
        for _ in range(4):
            until(lambda: uploader.run_once(threading.Event()).failed == 1)
        assert len(site.objects()) == 1
        assert len(waiting(site.root)) == 1

    @pytest.mark.parametrize("seed", [1, 2])
    def test_among_random_lies_nothing_is_lost_and_the_spool_empties_once_they_end(self, site: Site, seed: int) -> None:
        chance = random.Random(seed)
        lies = [make(site.proxy) for name, make in FAILURES.items() if name != "hang"] + [faults.lost_answer]

        def sometimes(exchange: faults.Exchange) -> faults.Reply | None:
            return chance.choice(lies)(exchange) if chance.random() < 0.3 else exchange.forward()

        paths = [put_segment(site.root, camera, number) for camera in ("front-door", "garage") for number in range(6)]
        contents = {f"{path.parent.name}/{path.name}": path.read_bytes() for path in paths}
        site.proxy.on(sometimes)
        for _ in range(4):
            site.once()
            site.check_nothing_lost(contents)
        site.proxy.off()
        with site.running():
            until(lambda: not waiting(site.root))
        site.check_nothing_lost(contents)
        assert len(site.rows()) == len(contents)


class TestWhatLiesThereAlready:
    def test_the_same_content_is_taken_for_what_it_is(self, site: Site) -> None:
        path = put_segment(site.root, content=b"footage")
        site.once(delete_after_upload=False)
        shutil.rmtree(site.root / "state")
        (site.root / "state").mkdir()
        Catalogue.open(site.catalogue_file).close()
        assert site.once().safe == 1
        assert site.objects() == {key_of(path): b"footage"}
        assert waiting(site.root) == []

    def test_the_same_content_put_there_by_another_tool_is_too(self, site: Site) -> None:
        path = put_segment(site.root, content=b"footage")
        site.store.client().put_object(Bucket=site.bucket, Key=key_of(path), Body=b"footage")
        assert site.once().safe == 1
        assert site.objects() == {key_of(path): b"footage"}

    @pytest.mark.parametrize("base", [faults.Exchange.forward, faults.poor], ids=["full store", "poor store"])
    @pytest.mark.parametrize("theirs", [b"FOOTAGE", b"longer than that", b""])
    def test_other_content_is_left_alone_and_the_next_key_taken(
        self, site: Site, theirs: bytes, base: faults.Fault
    ) -> None:
        site.proxy.base = base
        path = put_segment(site.root, content=b"footage")
        first = key_of(path).replace(".mp4", "_1.mp4")
        second = key_of(path).replace(".mp4", "_2.mp4")
        Catalogue.open(site.catalogue_file).close()  # an old one, so that the bucket is not asked before sending
        client = site.store.client()
        for key in (key_of(path), first):
            client.put_object(Bucket=site.bucket, Key=key, Body=theirs)
        assert site.once().safe == 1
        assert site.objects() == {key_of(path): theirs, first: theirs, second: b"footage"}
        assert site.rows() == {second: crc64nvme(b"footage")}
        assert waiting(site.root) == []

    def test_a_segment_with_a_serial_of_its_own_keeps_it(self, site: Site) -> None:
        path = put_segment(site.root, content=b"one")
        path.with_name("20240118_120000_1.mp4").write_bytes(b"two")
        os.utime(path.with_name("20240118_120000_1.mp4"), (1, 1))
        site.once()
        assert site.objects() == {key_of(path): b"one", key_of(path).replace(".mp4", "_1.mp4"): b"two"}

    def test_a_store_that_calls_every_key_taken_is_given_up_on_for_now(self, site: Site) -> None:
        put_segment(site.root)
        site.proxy.on(faults.error(412, "PreconditionFailed"), "PUT")
        site.proxy.on(lambda _: faults.Reply(200, {"content-length": "5", "etag": '"x"'}), "HEAD")
        report = site.once()
        assert (report.safe, report.failed) == (0, 1)
        assert len(waiting(site.root)) == 1


class TestInterruptions:
    def test_what_was_verified_before_a_crash_is_looked_up_again_and_then_deleted(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = put_segment(site.root)

        def crash(_segment: Segment) -> None:
            raise OSError("killed between commit and unlink")

        with monkeypatch.context() as patch:
            patch.setattr("camera_backup.spool.reader.remove", crash)
            assert site.once().failed == 1
        assert list(site.rows()) == [key_of(path)]
        site.proxy.requests.clear()
        assert site.once().safe == 1
        assert site.proxy.requests == [("HEAD", key_of(path))]
        assert waiting(site.root) == []

    def test_a_crash_after_the_deletion_leaves_no_row_that_says_otherwise(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_segment(site.root)

        def crash(*_arguments: object) -> None:
            raise CatalogueError("killed between unlink and commit")

        with monkeypatch.context() as patch:
            patch.setattr(Catalogue, "record_removed", crash)
            site.once()
        assert len(Catalogue.open(site.catalogue_file).kept()) == 1
        site.once()
        assert Catalogue.open(site.catalogue_file).kept() == set()

    def test_what_the_bucket_lost_since_is_uploaded_again(self, site: Site) -> None:
        path = put_segment(site.root)
        content = path.read_bytes()
        site.once(delete_after_upload=False)
        site.store.client().delete_object(Bucket=site.bucket, Key=key_of(path))
        assert site.once().safe == 1
        assert site.objects() == {key_of(path): content}

    def test_what_the_bucket_holds_otherwise_since_is_uploaded_beside_it(self, site: Site) -> None:
        path = put_segment(site.root, content=b"footage")
        site.once(delete_after_upload=False)
        site.store.client().put_object(Bucket=site.bucket, Key=key_of(path), Body=b"changed")
        assert site.once().safe == 1
        assert site.objects() == {key_of(path): b"changed", key_of(path).replace(".mp4", "_1.mp4"): b"footage"}

    def test_a_name_that_comes_again_with_other_content_is_not_taken_for_the_old(self, site: Site) -> None:
        path = put_segment(site.root, content=b"before the clock was set back")
        site.once()
        put_segment(site.root, content=b"after the clock was set back!")
        site.once()
        assert site.objects() == {
            key_of(path): b"before the clock was set back",
            key_of(path).replace(".mp4", "_1.mp4"): b"after the clock was set back!",
        }

    def test_an_old_copy_of_the_catalogue_deletes_nothing_and_sends_nothing_twice(self, site: Site) -> None:
        first = put_segment(site.root, number=0)
        site.once()
        copy = site.root / "copy.db"
        shutil.copy(site.catalogue_file, copy)
        second = put_segment(site.root, number=1)
        content = second.read_bytes()
        site.once()
        shutil.copy(copy, site.catalogue_file)
        put_segment(site.root, number=1, content=content)
        third = put_segment(site.root, number=2)
        assert site.once().safe == 2
        assert sorted(site.objects()) == [key_of(path) for path in (first, second, third)]

    def test_without_a_row_in_the_catalogue_nothing_is_deleted(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = put_segment(site.root)
        content = path.read_bytes()

        def full(*_arguments: object) -> None:
            raise CatalogueError("database or disk is full")

        uploader = site.uploader()
        with monkeypatch.context() as patch:
            patch.setattr(Catalogue, "record_verified", full)
            for _ in range(2):
                until(lambda: uploader.run_once(threading.Event()).failed == 1)
        assert site.objects() == {key_of(path): content}
        assert waiting(site.root) == ["front-door/20240118_120000.mp4"]
        until(lambda: uploader.run_once(threading.Event()).safe == 1)
        assert [method for method, _ in site.proxy.requests].count("PUT") == 1
        assert waiting(site.root) == []

    def test_a_removal_that_cannot_be_recorded_is_no_failure(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        put_segment(site.root)

        def full(*_arguments: object) -> None:
            raise CatalogueError("database or disk is full")

        monkeypatch.setattr(Catalogue, "record_removed", full)
        assert site.once().safe == 1
        assert waiting(site.root) == []


class TestFiles:
    def test_a_file_that_somebody_still_writes_is_not_taken(self, site: Site) -> None:
        path = put_segment(site.root)
        with path.open("ab"):
            assert site.once() == Report(0, 0, 1, None)
        assert site.proxy.requests == []
        assert site.once().safe == 1

    @pytest.mark.parametrize("method", ["PUT", "HEAD"])
    @pytest.mark.parametrize("change", ["append", "replace", "touch"])
    def test_a_file_that_changes_under_way_is_not_deleted(self, site: Site, method: str, change: str) -> None:
        path = put_segment(site.root, content=b"footage")

        def meddle(exchange: faults.Exchange) -> faults.Reply:
            if change == "append":
                with path.open("ab") as file:
                    file.write(b" and more")
            elif change == "replace":
                path.with_name(".new").write_bytes(b"FOOTAGE")
                os.utime(path.with_name(".new"), (1e9, 1e9))
                path.with_name(".new").rename(path)
            else:
                os.utime(path, (1, 1))
            return exchange.forward()

        site.proxy.on(meddle, method, times=1)
        report = site.once()
        assert (report.safe, report.failed) == (0, 0)
        assert site.rows() == {}
        assert len(waiting(site.root)) == 1
        os.utime(path, (1e9, 1e9))
        content = path.read_bytes()
        assert site.once().safe == 1
        assert content in site.objects().values()

    def test_an_empty_file_is_put_aside_with_a_reason(self, site: Site) -> None:
        empty = put_segment(site.root, number=0, content=b"")
        good = put_segment(site.root, number=1)
        assert site.once().safe == 1
        assert list(site.objects()) == [key_of(good)]
        aside = empty.parent / ".quarantine" / empty.name
        assert aside.exists()
        assert "empty" in aside.with_name(aside.name + ".json").read_text()

    def test_an_empty_file_that_somebody_still_writes_is_left_alone(self, site: Site) -> None:
        empty = put_segment(site.root, content=b"")
        with empty.open("ab"):
            site.once()
            assert empty.exists()
        site.once()
        assert not empty.exists()

    def test_a_file_that_cannot_be_read_holds_up_no_other(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        bad = put_segment(site.root, number=0, content=b"unreadable")
        good = [put_segment(site.root, number=number) for number in range(1, 6)]
        inode = bad.stat().st_ino
        pread = os.pread

        def broken_disk(descriptor: int, size: int, offset: int) -> bytes:
            if os.fstat(descriptor).st_ino == inode:
                raise OSError(5, "Input/output error")
            return pread(descriptor, size, offset)

        with monkeypatch.context() as patch:
            patch.setattr("os.pread", broken_disk)
            report = site.once(workers=1)
            assert (report.safe, report.failed, report.trouble) == (5, 1, None)
        assert sorted(site.objects()) == [key_of(path) for path in good]
        assert waiting(site.root) == [f"front-door/{bad.name}"]
        told = [record for record in caplog.records if record.levelname == "WARNING"]
        assert len(told) == 1
        assert "Input/output error" in str(told[0].__dict__["fields"])

    def test_a_file_that_vanishes_is_no_failure(self, site: Site) -> None:
        path = put_segment(site.root)

        def vanish(exchange: faults.Exchange) -> faults.Reply:
            path.unlink()
            return exchange.forward()

        site.proxy.on(vanish, "PUT", times=1)
        report = site.once()
        assert (report.safe, report.failed) == (0, 0)

    def test_links_are_not_followed(self, site: Site) -> None:
        secret = site.root / "secret"
        secret.write_bytes(b"secret")
        folder = site.root / "spool" / "front-door"
        folder.mkdir()
        (folder / "20240118_120000.mp4").symlink_to(secret)
        assert site.once() == Report(0, 0, 0, None)
        assert site.objects() == {}


class TestTroubleWithTheBucket:
    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            (faults.error(403, "InvalidAccessKeyId"), CredentialError),
            (faults.error(404, "NoSuchBucket"), UnavailableError),
            (faults.error(503, "SlowDown"), StorageError),
        ],
    )
    def test_ends_a_single_pass_after_a_few_tries(
        self, site: Site, fault: faults.Fault, kind: type[CameraBackupError]
    ) -> None:
        for number in range(20):
            put_segment(site.root, number=number)
        site.proxy.on(fault, "PUT")
        report = site.once(workers=1)
        assert (report.safe, report.failed, report.waiting) == (0, 20, 20)
        assert isinstance(report.trouble, kind)
        assert len({key for _, key in site.proxy.requests}) == 2

    @pytest.mark.parametrize(
        "fault", [faults.error(403, "InvalidAccessKeyId"), faults.error(500, "InternalError"), faults.reset]
    )
    def test_is_told_once_and_over_once_and_then_all_goes_up(
        self, site: Site, fault: faults.Fault, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        for number in range(8):
            put_segment(site.root, number=number)
        site.proxy.on(fault, "PUT", probing=True)
        with site.running():
            until(lambda: any("bucket trouble" in record.message for record in caplog.records))
            tried = len(site.proxy.requests)
            until(lambda: len(site.proxy.requests) >= tried)
            site.proxy.off()
            until(lambda: not waiting(site.root))
            until(lambda: any("well again" in record.message for record in caplog.records))
        messages = [record.message for record in caplog.records]
        assert messages.count("bucket trouble") == 1
        assert messages.count("bucket well again") == 1
        assert len(site.objects()) == 8

    def test_with_one_segment_holds_up_no_other(self, site: Site) -> None:
        bad = put_segment(site.root, number=0)
        good = [put_segment(site.root, number=number) for number in range(1, 8)]
        site.proxy.on(faults.error(500, "InternalError"), "PUT", key=bad.name)
        with site.running(workers=1):
            until(lambda: waiting(site.root) == [f"front-door/{bad.name}"])
        assert sorted(site.objects()) == [key_of(path) for path in good]


class TestRunning:
    def test_a_new_segment_is_found_by_itself(self, site: Site) -> None:
        with site.running(check_interval=0.2):
            path = put_segment(site.root)
            until(lambda: not waiting(site.root))
        assert list(site.objects()) == [key_of(path)]

    def test_a_hint_brings_the_scan_forward(self, site: Site) -> None:
        with site.running(check_interval=3600) as uploader:
            until(lambda: not uploader._schedule.woken)
            put_segment(site.root)
            uploader.wake()
            until(lambda: not waiting(site.root))

    def test_a_segment_is_taken_as_soon_as_it_is_old_enough(self, site: Site) -> None:
        path = put_segment(site.root)
        os.utime(path)
        with site.running(check_interval=3600, safety_age=2.0):
            until(lambda: not waiting(site.root))

    def test_cameras_take_turns_while_one_has_a_backlog(self, site: Site) -> None:
        for number in range(60):
            put_segment(site.root, "front-door", number)
        site.proxy.on(site.proxy.slowly, "PUT")
        with site.running(check_interval=0.1, workers=1):
            until(lambda: len(waiting(site.root)) < 58)
            put_segment(site.root, "garage", 100)
            until(lambda: not [name for name in waiting(site.root) if name.startswith("garage")])
            assert waiting(site.root)

    def test_a_new_scan_does_not_begin_with_the_same_camera_again(self, site: Site) -> None:
        def slower_than_a_scan(exchange: faults.Exchange) -> faults.Reply:
            threading.Event().wait(1.3)
            return exchange.forward()

        for number in range(4):
            put_segment(site.root, "attic", number)
        put_segment(site.root, "front-door", 9)
        put_segment(site.root, "garage", 9)
        site.proxy.on(slower_than_a_scan, "PUT")
        with site.running(check_interval=0.1, workers=1):
            until(lambda: [method for method, _ in site.proxy.requests].count("PUT") == 3)
        served = [key.partition("/")[0] for method, key in site.proxy.requests if method == "PUT"]
        assert served[:3] == ["attic", "front-door", "garage"]

    def test_a_spool_that_is_missing_is_waited_for(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        (site.root / "spool").rmdir()
        with site.running(check_interval=0.2):
            until(lambda: any("spool trouble" in record.message for record in caplog.records))
            put_segment(site.root)
            until(lambda: not waiting(site.root))

    def test_a_stop_ends_it_soon_even_while_the_store_does_not_answer(self, site: Site) -> None:
        put_segment(site.root)
        site.proxy.on(site.proxy.hang, "PUT")
        with site.running(timeouts=Timeouts(connect=1, read=2)):
            until(lambda: ("PUT", "front-door/2024/01/18/20240118_120000.mp4") in site.proxy.requests)
        assert len(waiting(site.root)) == 1
