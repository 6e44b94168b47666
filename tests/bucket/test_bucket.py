"""What every bucket has to fulfil, run against a real store, and against it made poorer than it is."""

import base64
import hashlib
import os
from pathlib import Path

import pytest

from camera_backup.bucket.bucket import Bucket, Capabilities, KeyTakenError, MismatchError, Timeouts
from camera_backup.bucket.checksums import crc64nvme
from camera_backup.bucket.stored import Agreement, compare
from camera_backup.demo.store import Store
from camera_backup.errors import CameraBackupError, ConfigError, CredentialError, StorageError, UnavailableError
from tests.support import s3_proxy as faults
from tests.support.s3_proxy import S3Proxy
from tests.support.uploading import connect, payload, settings

PART = 5 << 20  # the smallest that S3 allows


@pytest.fixture(params=["seaweedfs", "poor", "strict"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path, store: Store, bucket_name: str, proxy: S3Proxy) -> Bucket:
    """The stores that the contract is tried on; another one joins by one more name."""
    if request.param == "seaweedfs":
        return connect(settings(tmp_path, store, bucket_name))
    proxy.base = {"poor": faults.poor, "strict": faults.strict}[request.param]
    return connect(settings(tmp_path, store, bucket_name, endpoint=proxy.endpoint))


@pytest.fixture
def honest(tmp_path: Path, store: Store, bucket_name: str) -> Bucket:
    return connect(settings(tmp_path, store, bucket_name))


@pytest.fixture
def lying(tmp_path: Path, store: Store, bucket_name: str, proxy: S3Proxy) -> Bucket:
    return connect(settings(tmp_path, store, bucket_name, endpoint=proxy.endpoint))


class TestContract:
    def test_what_was_put_is_found_and_agrees_with_the_file(self, bucket: Bucket) -> None:
        with payload(b"footage") as file:
            bucket.put(file, "front-door/a.mp4")
            found = bucket.head("front-door/a.mp4")
            assert found is not None
            assert found.size == 7
            assert compare(found, file.digest) is Agreement.SAME

    def test_other_content_of_the_same_size_does_not_agree(self, bucket: Bucket) -> None:
        with payload(b"footage") as file, payload(b"FOOTAGE") as other:
            bucket.put(file, "a")
            found = bucket.head("a")
            assert found is not None
            assert compare(found, other.digest) is Agreement.DIFFERENT

    def test_nothing_is_found_where_nothing_lies(self, bucket: Bucket) -> None:
        assert bucket.head("nowhere") is None

    def test_a_key_that_is_taken_stays_as_it_is(self, bucket: Bucket) -> None:
        with payload(b"first") as first, payload(b"second") as second:
            bucket.put(first, "a")
            for file in (first, second):
                with pytest.raises(KeyTakenError):
                    bucket.put(file, "a")
        assert _read(bucket, "a") == b"first"

    @pytest.mark.parametrize("size", [PART, PART + 1, 2 * PART + 7])
    def test_a_large_file_goes_in_parts_and_agrees(self, bucket: Bucket, size: int) -> None:
        content = os.urandom(size)
        with payload(content, smallest_part=PART) as file:
            bucket.put(file, "large")
            found = bucket.head("large")
            assert found is not None
            assert compare(found, file.digest) is Agreement.SAME
            with pytest.raises(KeyTakenError):
                bucket.put(file, "large")
        assert _read(bucket, "large") == content

    def test_objects_are_listed_by_prefix_in_order(self, bucket: Bucket) -> None:
        for key in ("b/2", "a/1", "b/1"):
            with payload(key.encode()) as file:
                bucket.put(file, key)
        assert [(found.key, found.size) for found in bucket.list("b/")] == [("b/1", 3), ("b/2", 3)]
        assert list(bucket.list("c/")) == []

    def test_what_cannot_be_opened_is_an_error_that_names_it(self, bucket: Bucket) -> None:
        with pytest.raises(StorageError, match="nowhere"), bucket.open("nowhere"):
            pass


class TestCapabilities:
    def test_a_full_store_is_known_as_such(self, honest: Bucket) -> None:
        assert honest.capabilities() == Capabilities(conditional_put=True, checksum=True)

    @pytest.mark.parametrize("store_like", [faults.poor, faults.strict])
    def test_a_poor_store_is_known_as_such(self, lying: Bucket, proxy: S3Proxy, store_like: faults.Fault) -> None:
        proxy.base = store_like
        assert lying.capabilities() == Capabilities(conditional_put=False, checksum=False)

    def test_probing_again_finds_the_same_and_adds_nothing(
        self, tmp_path: Path, store: Store, bucket_name: str
    ) -> None:
        wanted = settings(tmp_path, store, bucket_name, prefix="site-1/")
        first = connect(wanted).probe()
        assert [found.key for found in connect(wanted).list("")] == ["site-1/.camera-backup/canary"]
        assert connect(wanted).probe() == first
        assert [found.key for found in connect(wanted).list("")] == ["site-1/.camera-backup/canary"]

    def test_a_store_that_only_repeats_our_checksum_is_not_believed(self, lying: Bucket, proxy: S3Proxy) -> None:
        def gullible(exchange: faults.Exchange) -> faults.Reply | None:
            reply = exchange.forward_changed(drop=faults.about_content)
            reply.headers["x-amz-checksum-crc64nvme"] = exchange.headers.get("x-amz-checksum-crc64nvme", told[-1])
            told.append(reply.headers["x-amz-checksum-crc64nvme"])
            return reply

        told = ["AAAAAAAAAAA="]
        proxy.base = gullible
        assert lying.capabilities() == Capabilities(conditional_put=True, checksum=False)
        with payload(b"footage") as file:
            lying.put(file, "a")
        found = lying.head("a")
        assert found is not None
        assert found.crc64nvme is None

    def test_a_lie_while_probing_is_not_taken_for_the_stores_nature(self, lying: Bucket, proxy: S3Proxy) -> None:
        proxy.on(faults.not_stored, "PUT", probing=True)
        with pytest.raises(MismatchError):
            lying.capabilities()
        proxy.off()
        assert lying.capabilities() == Capabilities(conditional_put=True, checksum=True)

    def test_without_checksums_a_digest_without_md5_is_refused(self, lying: Bucket, proxy: S3Proxy) -> None:
        proxy.base = faults.poor
        with payload(b"footage", md5=False) as file, pytest.raises(ValueError, match="MD5"):
            lying.put(file, "a")


class TestWhatIsSent:
    def test_one_put_carries_checksum_header_condition_and_metadata_and_no_trailer(
        self, lying: Bucket, proxy: S3Proxy
    ) -> None:
        seen: list[dict[str, str]] = []

        def watch(exchange: faults.Exchange) -> faults.Reply:
            seen.append(exchange.headers)
            return exchange.forward()

        proxy.on(watch, "PUT")
        with payload(b"footage", md5=False) as file:
            lying.put(file, "a")
        (headers,) = seen
        assert headers["x-amz-checksum-crc64nvme"] == crc64nvme(b"footage")
        assert headers["if-none-match"] == "*"
        assert headers["x-amz-meta-camera"] == "front-door"
        assert headers["content-length"] == "7"
        assert not {"x-amz-trailer", "transfer-encoding", "content-encoding"} & headers.keys()

    def test_a_store_without_checksums_gets_content_md5(self, lying: Bucket, proxy: S3Proxy) -> None:
        seen: list[dict[str, str]] = []

        def watch(exchange: faults.Exchange) -> faults.Reply:
            seen.append(exchange.headers)
            return faults.poor(exchange)

        proxy.base = faults.poor
        proxy.on(watch, "PUT")
        with payload(b"footage") as file:
            lying.put(file, "a")
        assert seen[0]["content-md5"] == base64.b64encode(hashlib.md5(b"footage").digest()).decode()

    def test_a_large_file_that_is_there_already_is_not_sent_again(self, lying: Bucket, proxy: S3Proxy) -> None:
        with payload(bytes(PART + 1), smallest_part=PART) as file:
            lying.put(file, "large")
            proxy.requests.clear()
            with pytest.raises(KeyTakenError):
                lying.put(file, "large")
        assert proxy.requests == [("HEAD", "large")]

    def test_parts_that_a_killed_run_left_behind_are_dropped(
        self, honest: Bucket, store: Store, bucket_name: str
    ) -> None:
        client = store.client()
        for key in ("large", "large-other"):
            client.create_multipart_upload(Bucket=bucket_name, Key=key)
        with payload(bytes(PART + 1), smallest_part=PART) as file:
            honest.put(file, "large")
        left = client.list_multipart_uploads(Bucket=bucket_name).get("Uploads", [])
        assert [upload["Key"] for upload in left] == ["large-other"]

    def test_a_multipart_upload_that_fails_leaves_no_parts(
        self, lying: Bucket, proxy: S3Proxy, store: Store, bucket_name: str
    ) -> None:
        def second_part(exchange: faults.Exchange) -> faults.Reply | None:
            if "partNumber=2" in exchange.query:
                return faults.error(500, "InternalError")(exchange)
            return exchange.forward()

        proxy.on(second_part, "PUT")
        with payload(bytes(PART + 1), smallest_part=PART) as file, pytest.raises(StorageError):
            lying.put(file, "large")
        assert "Uploads" not in store.client().list_multipart_uploads(Bucket=bucket_name)

    def test_raising_from_progress_stops_the_sending(self, lying: Bucket, proxy: S3Proxy) -> None:
        def stop(_count: int) -> None:
            raise InterruptedError("told to stop")

        lying.capabilities()
        with payload(b"footage") as file:
            stopped = type(file)(file.descriptor, file.digest, {}, stop)
            with pytest.raises((InterruptedError, StorageError), match="told to stop"):
                lying.put(stopped, "a")
        assert ("PUT", "a") not in proxy.requests


class TestAnswers:
    @pytest.mark.parametrize("lie", [faults.wrong_checksum, faults.corrupted])
    def test_an_answer_about_other_content_is_an_error(self, lying: Bucket, proxy: S3Proxy, lie: faults.Fault) -> None:
        proxy.on(lie, "PUT")
        with payload(b"footage") as file:
            if lie is faults.wrong_checksum:
                with pytest.raises(MismatchError):
                    lying.put(file, "a")
            else:
                lying.put(file, "a")
                found = lying.head("a")
                assert found is not None
                assert compare(found, file.digest) is Agreement.DIFFERENT

    def test_a_wrong_etag_is_an_error_where_it_is_all_there_is(self, lying: Bucket, proxy: S3Proxy) -> None:
        proxy.base = faults.poor
        proxy.on(faults.wrong_etag, "PUT")
        with payload(b"footage") as file, pytest.raises(MismatchError):
            lying.put(file, "a")

    @pytest.mark.parametrize(
        ("fault", "kind", "words"),
        [
            (faults.error(403, "InvalidAccessKeyId"), CredentialError, "s3.access_key_id"),
            (faults.error(403, "SignatureDoesNotMatch"), CredentialError, "s3.secret_access_key"),
            (faults.error(400, "ExpiredToken"), CredentialError, "session token"),
            (faults.error(403, "AccessDenied"), CredentialError, "s3:PutObject"),
            (faults.error(404, "NoSuchBucket"), UnavailableError, "the bucket does not exist"),
            (faults.error(403, "RequestTimeTooSkewed"), StorageError, "clock"),
            (faults.error(400, "AuthorizationHeaderMalformed"), StorageError, "s3.region"),
            (faults.error(500, "InternalError"), StorageError, "InternalError"),
            (faults.error(503, "SlowDown"), StorageError, "SlowDown"),
            (faults.reset, StorageError, "onnection"),
        ],
    )
    def test_a_refusal_says_what_was_tried_on_what_and_how_to_mend_it(
        self, lying: Bucket, proxy: S3Proxy, fault: faults.Fault, kind: type[CameraBackupError], words: str
    ) -> None:
        lying.capabilities()
        proxy.on(fault, "PUT")
        with payload(bytes(1 << 20)) as file, pytest.raises(kind, match="upload") as caught:
            lying.put(file, "front-door/a.mp4")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
        if kind is not UnavailableError:
            assert caught.value.subject == "front-door/a.mp4"
        assert caught.value.permanent == (kind is not StorageError or "region" in words)

    def test_a_store_that_never_answers_is_given_up_after_the_timeout(
        self, tmp_path: Path, store: Store, bucket_name: str, proxy: S3Proxy
    ) -> None:
        wanted = settings(tmp_path, store, bucket_name, endpoint=proxy.endpoint)
        impatient = connect(wanted, Timeouts(connect=1, read=0.5))
        impatient.capabilities()
        proxy.on(proxy.hang, "HEAD")
        with pytest.raises(StorageError, match=r"timeout|timed out"):
            impatient.head("a")

    def test_a_forbidden_head_is_a_matter_of_the_key_and_not_an_empty_place(
        self, lying: Bucket, proxy: S3Proxy
    ) -> None:
        proxy.on(faults.error(403, "AccessDenied"), "HEAD")
        with pytest.raises(CredentialError):
            lying.head("a")


class TestConnecting:
    def test_a_wrong_secret_is_refused_as_such(self, tmp_path: Path, store: Store, bucket_name: str) -> None:
        wanted = settings(tmp_path, store, bucket_name, secret_access_key="wrong-secret-value")
        with pytest.raises(CredentialError, match=r"s3\.secret_access_key") as caught:
            connect(wanted).probe()
        assert "wrong-secret-value" not in str(caught.value)

    def test_a_missing_bucket_is_named(self, tmp_path: Path, store: Store) -> None:
        with pytest.raises(UnavailableError, match="no-such-bucket: the bucket does not exist"):
            connect(settings(tmp_path, store, "no-such-bucket")).probe()

    def test_a_store_that_is_down_is_named(self, tmp_path: Path, store: Store) -> None:
        with pytest.raises(StorageError, match=r"127\.0\.0\.1:1/.*s3\.endpoint"):
            connect(settings(tmp_path, store, "footage", endpoint="http://127.0.0.1:1")).probe()

    @pytest.mark.parametrize("endpoint", ["nonsense", "http://", "http://[::1"])
    def test_an_impossible_endpoint_is_a_mistake_in_the_configuration(
        self, tmp_path: Path, store: Store, endpoint: str
    ) -> None:
        with pytest.raises(ConfigError, match=r"s3\.endpoint"):
            connect(settings(tmp_path, store, "footage", endpoint=endpoint))


def _read(bucket: Bucket, key: str) -> bytes:
    with bucket.open(key) as body:
        return body.read()
