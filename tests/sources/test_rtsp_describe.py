import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camera_backup.errors import SourceError
from camera_backup.sources.rtsp_describe import Description, describe, parse_sdp

SDP = """v=0
s=camera
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
m=audio 0 RTP/AVP 97
a=rtpmap:97 mpeg4-generic/48000/2
m=application 0 RTP/AVP 107
a=rtpmap:107 vnd.onvif.metadata/90000
"""


@contextmanager
def camera(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve one connection after another with `behave`; gives the URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()
        server.settimeout(0.05)

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    behave(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"rtsp://admin:p%40ss@127.0.0.1:{server.getsockname()[1]}/stream"
        finally:
            over.set()
            thread.join()


def answering(data: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(data)

    return behave


def failure(behave: Callable[[socket.socket], None], timeout: float = 5) -> SourceError:
    with camera(behave) as url, pytest.raises(SourceError) as caught:
        describe(url, timeout)
    return caught.value


def test_encodings_are_read_from_the_description() -> None:
    answer = f"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}"
    with camera(answering(answer.encode())) as url:
        assert describe(url, 5) == Description("H264", "MPEG4-GENERIC")


@pytest.mark.parametrize(
    ("media", "found"),
    [
        ("m=video 0 RTP/AVP 98\na=rtpmap:98 H265/90000", Description("H265", None)),
        ("m=video 0 RTP/AVP 26", Description("JPEG", None)),
        ("m=audio 0 RTP/AVP 8\nm=video 0 RTP/AVP 96\na=rtpmap:96 h264/90000", Description("H264", "PCMA")),
        ("m=audio 0 RTP/AVP 0\na=rtpmap:0 PCMU/8000", Description(None, "PCMU")),
        ("m=video 0 RTP/AVP 96", Description("unknown", None)),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=video 0 RTP/AVP 97\na=rtpmap:97 H265/90000",
         Description("H264", None)),
        ("", Description(None, None)),
    ],
)  # fmt: skip
def test_each_form_of_description_is_understood(media: str, found: Description) -> None:
    assert parse_sdp(media) == found


@settings(max_examples=200)
@given(st.text())
def test_no_description_is_too_odd_to_read(text: str) -> None:
    assert isinstance(parse_sdp("m=video 0 RTP/AVP 96\n" + text), Description)


@pytest.mark.parametrize(
    ("status", "cause"),
    [("401 Unauthorized", "unauthorised"), ("403 Forbidden", "unauthorised"), ("404 Not Found", "not-found"),
     ("503 Service Unavailable", "camera-error"), ("200 OK", "no-video")],
)  # fmt: skip
def test_a_refusal_is_told_by_its_status(status: str, cause: str) -> None:
    assert failure(answering(f"RTSP/1.0 {status}\r\nCSeq: 1\r\n\r\n".encode())).cause == cause


def test_an_unknown_challenge_is_an_unauthorised_camera() -> None:
    answer = b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Negotiate realm="x"\r\n\r\n'

    def behave(connection: socket.socket) -> None:
        for _ in range(2):
            connection.recv(4096)
            connection.sendall(answer)

    assert failure(behave).cause == "unauthorised"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\0" * 100,
        b"RTSP/1.0\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: x\r\n\r\n",
        b"",
    ],
)
def test_what_does_not_speak_rtsp_is_garbage(data: bytes) -> None:
    assert failure(answering(data)).cause == "garbage"


def test_an_endless_answer_is_cut_off() -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(4096)
        try:
            while True:
                connection.sendall(b"RTSP/1.0 200 OK\r\n" + b"X-Header: x\r\n" * 1000)
        except OSError:
            return

    assert failure(behave).cause == "garbage"


def test_a_camera_that_drips_is_given_up_in_time() -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(4096)
        try:
            for byte in b"RTSP/1.0 200 OK\r\n" * 10:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
        except OSError:
            return

    assert failure(behave, timeout=0.3).cause == "timeout"


def test_a_silent_camera_is_a_timeout() -> None:
    over = threading.Event()

    def behave(_connection: socket.socket) -> None:
        over.wait(5)

    with camera(behave) as url:
        try:
            with pytest.raises(SourceError) as caught:
                describe(url, 0.2)
        finally:
            over.set()
    assert caught.value.cause == "timeout"


def test_a_closed_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SourceError) as caught:
        describe(f"rtsp://127.0.0.1:{port}/", 5)
    assert caught.value.cause == "refused"


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    with pytest.raises(SourceError) as caught:
        describe("rtsp://camera.invalid/", 5)
    assert caught.value.cause == "unreachable"


def test_no_error_repeats_the_password() -> None:
    for data in (b"HTTP/1.1 200 OK\r\n\r\n", b"RTSP/1.0 401 Unauthorized\r\n\r\n"):
        assert "ss" not in str(failure(answering(data))).replace("password", "").replace("pass", "")
