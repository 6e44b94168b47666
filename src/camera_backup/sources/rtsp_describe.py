"""Asks an RTSP camera what it sends (RFC 2326 DESCRIBE, RFC 4566 SDP) and says precisely why it does not answer.

A DESCRIBE costs a few milliseconds and no video session; ffmpeg, which does the real work, would only say "failed".
Standard library only. TLS and logins load what they need when they need it: OpenSSL alone takes 4 MB of memory.
"""

import re
import socket
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from camera_backup.errors import SourceError
from camera_backup.sources import rtsp_login

MAX_ANSWER = 1 << 17
_PORTS = {"rtsp": 554, "rtsps": 322}
# Static payload types of RFC 3551, table 4 and 5.
_STATIC = {"0": "PCMU", "8": "PCMA", "9": "G722", "10": "L16", "11": "L16", "14": "MPA", "26": "JPEG", "32": "MPV"}
_STATUS_CAUSES = {
    401: ("unauthorised", "the camera refuses the user name or password", "check user and password in rtsp_url"),
    403: ("unauthorised", "the camera forbids this user to watch", "check the user's rights on the camera"),
    404: ("not-found", "the camera knows no such stream", "check the path in rtsp_url"),
}


@dataclass(frozen=True, slots=True)
class Description:
    """The encodings a camera offers, as in SDP (`H264`, `H265`, `PCMA`, `MPEG4-GENERIC`, …); None where it has none."""

    video: str | None
    audio: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """An RTSP response: status code, headers (lower-case name, value) in order, and body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str

    def all(self, name: str) -> list[str]:
        """Return the values of all headers of that name."""
        return [value for header, value in self.headers if header == name]


def describe(url: str, timeout: float) -> Description:
    """Return what the camera at `url` sends, within `timeout` seconds. Raises SourceError with the cause."""
    parts = urlsplit(url)
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/", parts.query, ""))
    deadline = time.monotonic() + timeout
    try:
        answer = _ask(parts, bare, None, deadline)
        if answer.status == 401 and parts.username is not None:  # noqa: PLR2004 - as in _STATUS_CAUSES
            # On a connection of its own: some cameras hang up after a 401.
            user, password = unquote(parts.username), unquote(parts.password or "")
            authorization = rtsp_login.authorization(answer.all("www-authenticate"), bare, user, password)
            answer = _ask(parts, bare, authorization, deadline) if authorization else answer
    except TimeoutError as error:
        raise SourceError("the camera does not answer", cause="timeout", hint=f"is it on? {parts.hostname}") from error
    except ConnectionRefusedError as error:
        raise SourceError(
            "the camera refuses the connection", cause="refused", hint="is RTSP switched on, and the port right?"
        ) from error
    except OSError as error:
        reason = error.strerror or "the name of the camera cannot be resolved"
        raise SourceError(f"the camera cannot be reached: {reason}", cause="unreachable") from error
    return _judge(answer)


def parse_sdp(text: str) -> Description:
    """Return the encodings of the first video and the first audio in a session description."""
    found: dict[str, str] = {}
    kind, payload = "", ""
    for line in text.splitlines():
        if media := re.match(r"m=(\w+) \S+ \S+ (\S+)", line):
            kind, payload = media[1], media[2]
            found.setdefault(kind, _STATIC.get(payload, "unknown"))
        elif (rtpmap := re.match(r"a=rtpmap:(\S+) ([^/\s]+)", line)) and rtpmap[1] == payload:
            if found.get(kind) in {"unknown", _STATIC.get(payload)}:
                found[kind] = rtpmap[2].upper()
            payload = ""
    return Description(found.get("video"), found.get("audio"))


def _judge(answer: Answer) -> Description:
    if answer.status in _STATUS_CAUSES:
        cause, message, hint = _STATUS_CAUSES[answer.status]
        raise SourceError(message, cause=cause, hint=hint)
    if answer.status != 200:  # noqa: PLR2004 - OK
        raise SourceError(f"the camera answers with error {answer.status}", cause="camera-error")
    description = parse_sdp(answer.body)
    if description.video is None:
        raise SourceError("the camera offers no video here", cause="no-video", hint="check the path in rtsp_url")
    return description


def _connect(parts: SplitResult, timeout: float) -> socket.socket:
    host = parts.hostname or ""
    connection = socket.create_connection((host, parts.port or _PORTS[parts.scheme]), timeout)
    return _encrypted(connection, host) if parts.scheme == "rtsps" else connection


def _encrypted(connection: socket.socket, host: str) -> socket.socket:
    import ssl  # noqa: PLC0415 - see above

    # Cameras come with self-signed certificates; TLS here keeps listeners out, as in ffmpeg, which does not verify.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(connection, server_hostname=host)
    except ssl.SSLError as error:
        raise SourceError(f"TLS with the camera failed: {error.reason}", cause="tls") from error


def _ask(parts: SplitResult, url: str, authorization: str | None, deadline: float) -> Answer:
    lines = [f"DESCRIBE {url} RTSP/1.0", "CSeq: 1", "Accept: application/sdp", "User-Agent: camera-backup"]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    received = b""
    with _connect(parts, _left(deadline)) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while (answer := _parse_answer(received)) is None:
            connection.settimeout(_left(deadline))
            block = connection.recv(65536)
            if not block or len(received) > MAX_ANSWER:
                raise SourceError("what answers there does not speak RTSP", cause="garbage")
            received += block
    return answer


def _left(deadline: float) -> float:
    """Return the seconds that are left, and a moment more when none are: zero would mean not to wait at all."""
    return max(0.001, deadline - time.monotonic())


def _parse_answer(data: bytes) -> Answer | None:
    """Return the answer once it is whole; raises SourceError if it is none."""
    if not data.startswith(b"RTSP/1."[: len(data)]):
        raise SourceError("what answers there does not speak RTSP", cause="garbage")
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return None
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = tuple((n.strip().lower(), v.strip()) for n, _, v in (line.partition(":") for line in rest))
    status = re.match(r"RTSP/1\.\d (\d{3})", first)
    length = dict(headers).get("content-length", "0")
    if status is None or not length.isdigit():
        raise SourceError("what answers there does not speak RTSP", cause="garbage")
    if len(body) < int(length):
        return None
    return Answer(int(status[1]), headers, body[: int(length)].decode("utf-8", "replace"))
