"""Making room in a real spool on a small disk, with a real store."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from camera_backup.catalogue.catalogue import Catalogue
from camera_backup.demo.store import Store
from camera_backup.errors import SpoolError
from camera_backup.settings import UploaderSettings
from camera_backup.spool.mark import MARK, mark_spool
from camera_backup.spool.reader import Spool
from camera_backup.uploader.patience import Waits
from camera_backup.uploader.uploader import Means, Report, Uploader
from tests.support import s3_proxy as faults
from tests.support.s3_proxy import S3Proxy
from tests.support.small_disk import small_disk
from tests.support.uploading import START, connect, key_of, put_segment, settings, until, waiting

MEGABYTE = 1_000_000
QUICK = Waits(first=0.05, longest=0.2, refused=0.2, doubted=0.2)


class Site:
    """A machine with a spool of 24 MB, which its owner keeps full."""

    def __init__(self, root: Path, store: Store, bucket: str, proxy: S3Proxy) -> None:
        self.root = root
        self.store = store
        self.bucket = bucket
        self.proxy = proxy
        self.catalogue = root / "state" / "catalogue.db"
        (root / "state").mkdir()

    def settings(self, **others: object) -> UploaderSettings:
        values = {"delete_after_upload": False, "safety_age": 0.0, **others}
        return settings(self.root, self.store, self.bucket, endpoint=self.proxy.endpoint, **values)

    def uploader(self, **others: object) -> Uploader:
        wanted = self.settings(**others)
        spool = Spool(self.root / "spool", Path(wanted.mark) if wanted.mark else None)
        return Uploader(wanted, Means(connect(wanted), Catalogue.open(self.catalogue), spool, waits=QUICK))

    def once(self, **others: object) -> Report:
        return self.uploader(**others).run_once(threading.Event())

    def put(self, number: int, camera: str = "front-door", size: int = 4 * MEGABYTE) -> Path:
        path = put_segment(self.root, camera, number, os.urandom(size))
        moment = START.timestamp() + 10 * number + 7
        os.utime(path, (moment, moment))
        return path

    def gaps(self, camera: str = "front-door") -> list[tuple[str, str, str]]:
        found = [json.loads(path.read_text()) for path in (self.root / "spool" / camera / ".intake").glob("*.json")]
        assert all((gap["kind"], gap["camera"]) == ("gap", camera) for gap in found)
        return sorted((gap["start"], gap["end"], gap["cause"]) for gap in found)


@pytest.fixture
def site(tmp_path: Path, store: Store, bucket_name: str, proxy: S3Proxy) -> Iterator[Site]:
    with small_disk(tmp_path / "spool", 24):
        yield Site(tmp_path, store, bucket_name, proxy)


def test_without_a_lack_of_room_copies_stay(site: Site) -> None:
    for number in range(3):
        site.put(number)
    for _ in range(2):
        site.once(min_free=8 * MEGABYTE)
    assert len(waiting(site.root)) == 3


def test_copies_go_the_oldest_first_once_the_bucket_has_shown_them_again(site: Site) -> None:
    contents = {key_of(path): path.read_bytes() for path in (site.put(number) for number in range(5))}
    assert site.once().safe == 5
    site.proxy.requests.clear()
    site.once(min_free=10 * MEGABYTE)
    assert waiting(site.root) == [f"front-door/20240118_1200{second}0.mp4" for second in (2, 3, 4)]
    assert sorted(site.proxy.requests) == [("HEAD", key) for key in sorted(contents)[:2]]
    assert site.store.objects(site.bucket) == contents
    assert len(Catalogue.open(site.catalogue).kept()) == 3
    assert site.gaps() == []


def test_a_copy_that_the_bucket_lost_is_uploaded_again_before_it_goes(site: Site) -> None:
    paths = [site.put(number) for number in range(5)]
    first, content = key_of(paths[0]), paths[0].read_bytes()
    site.once()
    site.store.client().delete_object(Bucket=site.bucket, Key=first)
    site.once(min_free=6 * MEGABYTE)
    assert not paths[0].exists()
    assert site.store.objects(site.bucket)[first] == content


def test_with_an_empty_catalogue_nothing_is_deleted(site: Site) -> None:
    paths = [site.put(number) for number in range(5)]
    site.once()
    site.catalogue.unlink()
    site.proxy.on(faults.error(503, "SlowDown"))
    site.once(min_free=8 * MEGABYTE)
    assert all(path.exists() for path in paths)
    assert site.gaps() == []


def test_a_bucket_that_does_not_answer_keeps_every_copy(site: Site) -> None:
    paths = [site.put(number) for number in range(5)]
    site.once()
    site.proxy.on(faults.error(503, "SlowDown"))
    uploader = site.uploader(min_free=8 * MEGABYTE)
    for _ in range(3):
        uploader.run_once(threading.Event())
    assert all(path.exists() for path in paths)


def test_copies_go_unasked_before_footage_that_is_in_no_bucket(site: Site) -> None:
    copies = [site.put(number) for number in (1, 2)]
    site.once()
    fresh = [site.put(number) for number in (0, 3, 4)]
    site.proxy.on(faults.error(503, "SlowDown"))
    uploader = site.uploader(min_free=10 * MEGABYTE, drop_oldest=True)
    for _ in range(3):
        uploader.run_once(threading.Event())
    assert [path.exists() for path in copies] == [False, False]
    assert all(path.exists() for path in fresh)
    assert site.gaps() == []


def test_footage_that_is_not_uploaded_stays_unless_the_user_allows_otherwise(site: Site) -> None:
    paths = [site.put(number) for number in range(5)]
    site.proxy.on(faults.error(503, "SlowDown"))
    for delete in (True, False):
        site.once(min_free=8 * MEGABYTE, delete_after_upload=delete)
    assert all(path.exists() for path in paths)


def test_what_is_given_up_is_the_oldest_of_all_with_a_gap_s_record_and_a_warning(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [site.put(0), site.put(1, "garage"), site.put(2), site.put(3), site.put(4)]
    site.proxy.on(faults.error(503, "SlowDown"))
    site.once(min_free=10 * MEGABYTE, drop_oldest=True, delete_after_upload=True)
    assert [path.exists() for path in paths] == [False, False, True, True, True]
    assert site.gaps() == [("2024-01-18T12:00:00.000Z", "2024-01-18T12:00:07.000Z", "dropped")]
    assert site.gaps("garage") == [("2024-01-18T12:00:10.000Z", "2024-01-18T12:00:17.000Z", "dropped")]
    told = [record for record in caplog.records if "given up" in record.getMessage()]
    assert [record.fields["camera"] for record in told] == ["front-door", "garage"]  # type: ignore[attr-defined]
    assert [record.fields["seconds"] for record in told] == [7.0, 7.0]  # type: ignore[attr-defined]
    assert [record.levelname for record in told] == ["WARNING", "WARNING"]


def test_a_gap_is_recorded_even_where_there_was_no_room_for_its_record(site: Site) -> None:
    site.put(0)
    (site.root / "spool" / "front-door" / "ballast").write_bytes(b"")
    found = os.statvfs(site.root / "spool")
    with (site.root / "spool" / "front-door" / "ballast").open("wb") as out:
        os.posix_fallocate(out.fileno(), 0, found.f_bavail * found.f_frsize)
    site.proxy.on(faults.error(503, "SlowDown"))
    site.once(min_free=MEGABYTE, drop_oldest=True)
    assert waiting(site.root) == ["front-door/ballast"]
    assert len(site.gaps()) == 1


def test_a_camera_s_quota_makes_room_among_its_own(site: Site) -> None:
    mine = [site.put(number) for number in range(2)]
    others = [site.put(number, "garage") for number in range(2)]
    site.proxy.on(faults.error(503, "SlowDown"))
    site.once(quota=100 * MEGABYTE, quotas={"front-door": 8 * MEGABYTE}, drop_oldest=True)
    assert [path.exists() for path in (*mine, *others)] == [False, True, True, True]
    assert [gap[2] for gap in site.gaps()] == ["dropped"]


def test_a_disk_that_fills_up_between_two_scans_is_relieved(site: Site) -> None:
    for number in range(2):
        site.put(number)
    site.once()
    stop = threading.Event()
    uploader = site.uploader(min_free=8 * MEGABYTE, check_interval=3600.0)
    thread = threading.Thread(target=uploader.run, args=(stop,))
    thread.start()
    try:
        until(lambda: uploader._books.last_scan > 0)
        (site.root / "spool" / "ballast").write_bytes(bytes(10 * MEGABYTE))
        until(lambda: waiting(site.root) != ["front-door/20240118_120000.mp4", "front-door/20240118_120010.mp4"], 40)
    finally:
        stop.set()
        thread.join(30)
    assert waiting(site.root)[-1:] == ["front-door/20240118_120010.mp4"]


def test_a_spool_whose_disk_is_missing_is_refused_and_the_catalogue_learns_nothing_from_it(site: Site) -> None:
    spool = site.root / "spool"
    mark_spool(spool)
    site.put(0)
    site.once(mark=str(spool / MARK))
    (spool / MARK).rename(spool / "away")
    with pytest.raises(SpoolError, match="this is not the spool"):
        site.once(mark=str(spool / MARK))
    assert len(Catalogue.open(site.catalogue).kept()) == 1
