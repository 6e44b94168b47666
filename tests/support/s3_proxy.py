"""A proxy in front of a real S3 server that lies, fails and kills as a test tells it to."""

import http.client
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from camera_backup.demo.store import Store

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "date", "server"}
_SIGNED_ANEW = {"authorization", "x-amz-date", "x-amz-content-sha256", "host", "user-agent", "accept-encoding"}
_CHECKSUM_PREFIXES = ("x-amz-checksum-", "x-amz-sdk-checksum")


@dataclass
class Reply:
    """What the client is answered."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Exchange:
    """One request on its way; its body is read when somebody asks for it."""

    def __init__(self, handler: BaseHTTPRequestHandler, store: Store) -> None:
        self._handler = handler
        self._store = store
        self._body: bytes | None = None
        self.method = handler.command
        self.path = handler.path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}

    @property
    def key(self) -> str:
        """The object's key, without the bucket."""
        return unquote(urlsplit(self.path).path).lstrip("/").partition("/")[2]

    @property
    def query(self) -> str:
        return urlsplit(self.path).query

    @property
    def length(self) -> int:
        return int(self.headers.get("content-length", 0))

    @property
    def body(self) -> bytes:
        if self._body is None:
            self._body = self._handler.rfile.read(self.length)
        return self._body

    def forward(self) -> Reply:
        """Pass the request on as it is."""
        return self._send(self.body, {k: v for k, v in self.headers.items() if k not in _HOP})

    def forward_changed(self, body: bytes | None = None, drop: Callable[[str], bool] = lambda _name: False) -> Reply:
        """Pass the request on with another body or without some headers, signed anew so that the store takes it."""
        data = self.body if body is None else body
        kept = {k: v for k, v in self.headers.items() if k not in _HOP | _SIGNED_ANEW and not drop(k)}
        request = AWSRequest(self.method, f"http://{self.headers['host']}{self.path}", headers=kept, data=data)
        S3SigV4Auth(Credentials(*self._store.uploader), "s3", "us-east-1").add_auth(request)
        return self._send(data, {**dict(request.headers.items()), "host": self.headers["host"]})

    def reset(self) -> None:
        """Take half of the body, then cut the connection hard."""
        self._handler.rfile.read(self.length // 2)
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _send(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self._store.port, timeout=30)
        try:
            connection.putrequest(self.method, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
            kept = {k.lower(): v for k, v in answer.getheaders() if k.lower() not in _HOP or self.method == "HEAD"}
            return Reply(answer.status, kept, content)
        finally:
            connection.close()


Fault = Callable[[Exchange], Reply | None]
"""Answers in the store's place; None cuts the connection."""


def wrong_etag(exchange: Exchange) -> Reply:
    reply = exchange.forward()
    reply.headers["etag"] = '"0123456789abcdef0123456789abcdef"'
    return reply


def wrong_checksum(exchange: Exchange) -> Reply:
    reply = exchange.forward()
    reply.headers["x-amz-checksum-crc64nvme"] = "AAAAAAAAAAA="
    return reply


def not_stored(exchange: Exchange) -> Reply:
    return _as_if_stored(exchange)


def truncated(exchange: Exchange) -> Reply:
    exchange.forward_changed(exchange.body[: exchange.length // 2], about_content)
    return _as_if_stored(exchange)


def corrupted(exchange: Exchange) -> Reply:
    exchange.forward_changed(exchange.body[:-1] + bytes([exchange.body[-1] ^ 1]), about_content)
    return _as_if_stored(exchange)


def no_etag(exchange: Exchange) -> Reply:
    reply = exchange.forward()
    reply.headers = {k: v for k, v in reply.headers.items() if k != "etag" and not k.startswith(_CHECKSUM_PREFIXES)}
    return reply


def error_in_200(exchange: Exchange) -> Reply:
    return error(200, "InternalError")(exchange)


def error(status: int, code: str) -> Callable[[Exchange], Reply]:
    """A refusal in S3's own words."""

    def answer(exchange: Exchange) -> Reply:
        assert exchange.body is not None
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>told to</Message></Error>"
        return Reply(status, {"content-type": "application/xml"}, b"" if exchange.method == "HEAD" else text.encode())

    return answer


def reset(exchange: Exchange) -> None:
    exchange.reset()


def lost_answer(exchange: Exchange) -> None:
    """The store does it; nobody hears of it."""
    exchange.forward()


def poor(exchange: Exchange) -> Reply:
    """A store that knows neither conditional writes nor checksums, and silently ignores them."""
    reply = exchange.forward_changed(drop=lambda name: name == "if-none-match" or name.startswith(_CHECKSUM_PREFIXES))
    reply.headers = {k: v for k, v in reply.headers.items() if not k.startswith(_CHECKSUM_PREFIXES)}
    return reply


def strict(exchange: Exchange) -> Reply:
    """A store that knows neither and refuses both."""
    if any(name.startswith(_CHECKSUM_PREFIXES) for name in exchange.headers):
        return error(400, "InvalidRequest")(exchange)
    if "if-none-match" in exchange.headers:
        return error(501, "NotImplemented")(exchange)
    return exchange.forward()


@dataclass
class _Rule:
    fault: Fault
    applies: Callable[[Exchange], bool]
    left: int


class S3Proxy:
    """Passes everything on until told otherwise."""

    def __init__(self, store: Store) -> None:
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []
        self._closing = threading.Event()
        self.requests: list[tuple[str, str]] = []
        """Method and key of every request, the uploader's own probing left out."""
        self.base: Fault = Exchange.forward
        self._server = _Server(self, store)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def on(
        self,
        fault: Fault,
        method: str = "",
        *,
        key: str = "",
        times: int = 1_000_000,
        probing: bool = False,
    ) -> None:
        """Answer the next `times` requests with this method, and `key` in their key, by `fault`."""

        def applies(exchange: Exchange) -> bool:
            if ".camera-backup/" in exchange.key and not probing:
                return False
            return method in {"", exchange.method} and key in exchange.key

        with self._lock:
            self._rules.append(_Rule(fault, applies, times))

    def off(self) -> None:
        """Be honest from now on."""
        with self._lock:
            self._rules.clear()

    def hang(self, _exchange: Exchange) -> None:
        """Never answer."""
        self._closing.wait(60)

    def slowly(self, exchange: Exchange) -> Reply | None:
        """Take a tenth of a second for it."""
        self._closing.wait(0.1)
        return self.base(exchange)

    def kill(self, pid: int, number: int, *, after: bool) -> None:
        """Kill the process at its request `number` (from 1), before the store sees it or after it did it."""
        count = iter(range(1, 1_000_000))

        def strike(exchange: Exchange) -> Reply | None:
            with self._lock:
                due = next(count) == number
            if not due:
                return self.base(exchange)
            if after:
                self.base(exchange)
            os.kill(pid, signal.SIGKILL)
            return None

        self.on(strike, probing=True)

    def answer(self, exchange: Exchange) -> Reply | None:
        """Find out what to do with a request, and do it."""
        with self._lock:
            if ".camera-backup/" not in exchange.key:
                self.requests.append((exchange.method, exchange.key))
            rule = next((rule for rule in self._rules if rule.left and rule.applies(exchange)), None)
            if rule is not None:
                rule.left -= 1
        return self.base(exchange) if rule is None else rule.fault(exchange)

    def close(self) -> None:
        """Stop serving."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def s3_proxy(store: Store) -> Iterator[S3Proxy]:
    """Run a proxy in front of `store`."""
    proxy = S3Proxy(store)
    try:
        yield proxy
    finally:
        proxy.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, proxy: S3Proxy, store: Store) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy
        self.store = store

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that was killed leaves broken connections behind."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _pass_on(self) -> None:
        exchange = Exchange(self, self.server.store)
        reply = self.server.proxy.answer(exchange)
        if reply is None:
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.command != "HEAD" or "content-length" not in reply.headers:
            self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass_on  # noqa: N815 - the names http.server looks for

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def _as_if_stored(exchange: Exchange) -> Reply:
    told = {k: v for k, v in exchange.headers.items() if k.startswith("x-amz-checksum-crc")}
    return Reply(200, {"etag": f'"{md5(exchange.body).hexdigest()}"', **told})


def about_content(name: str) -> bool:
    return name == "content-md5" or name.startswith(_CHECKSUM_PREFIXES)
