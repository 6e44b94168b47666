"""Asks an RTSP camera what it sends (RFC 2326 DESCRIBE, RFC 4566 SDP) and says precisely why it does not answer.

A DESCRIBE costs a few milliseconds and no video session; ffmpeg, which does the real work, would only say "failed".
Standard library only.
"""

import base64
import hashlib
import re
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from camera_backup.errors import SourceError

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


def describe(url: str, timeout: float) -> Description:
    """Return what the camera at `url` sends, within `timeout` seconds. Raises SourceError with the cause."""
    parts = urlsplit(url)
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/", parts.query, ""))
    deadline = time.monotonic() + timeout
    try:
        answer = _ask(parts, bare, None, deadline)
        if answer.status == 401 and parts.username is not None:  # noqa: PLR2004 - as in _STATUS_CAUSES
            # On a connection of its own: some cameras hang up after a 401.
            authorization = _authorization(answer, bare, unquote(parts.username), unquote(parts.password or ""))
            answer = _ask(parts, bare, authorization, deadline) if authorization else answer
    except TimeoutError as error:
        raise SourceError("the camera does not answer", cause="timeout", hint=f"is it on? {parts.hostname}") from error
    except ConnectionRefusedError as error:
        raise SourceError(
            "the camera refuses the connection", cause="refused", hint="is RTSP switched on, and the port right?"
        ) from error
    except ssl.SSLError as error:
        raise SourceError(f"TLS with the camera failed: {error.reason}", cause="tls") from error
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
    if parts.scheme != "rtsps":
        return connection
    # Cameras come with self-signed certificates; TLS here keeps listeners out, as in ffmpeg, which does not verify.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=host)


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


def _authorization(answer: Answer, url: str, user: str, password: str) -> str | None:
    """Return the Authorization header that answers the challenge: Digest (RFC 2617, 7616) before Basic."""
    challenges = [value for name, value in answer.headers if name == "www-authenticate"]
    digests = [_parameters(value) for value in challenges if value.lower().startswith("digest")]
    for wanted, algorithm in (("sha-256", "sha256"), ("md5", "md5")):
        for challenge in digests:
            if challenge.get("algorithm", "MD5").lower() == wanted:
                return _digest(challenge, algorithm, url, user, password)
    if any(value.lower().startswith("basic") for value in challenges):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return None


def _digest(challenge: dict[str, str], algorithm: str, url: str, user: str, password: str) -> str:
    def hashed(text: str) -> str:
        return hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()

    realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
    secret, request = hashed(f"{user}:{realm}:{password}"), hashed(f"DESCRIBE:{url}")
    fields = {"username": user, "realm": realm, "nonce": nonce, "uri": url}
    extra = ""
    if "auth" in challenge.get("qop", "").replace(" ", "").split(","):
        count, client = "00000001", hashed(f"{time.monotonic_ns()}")[:16]
        fields |= {"response": hashed(f"{secret}:{nonce}:{count}:{client}:auth:{request}"), "cnonce": client}
        extra = f", qop=auth, nc={count}"
    else:
        fields["response"] = hashed(f"{secret}:{nonce}:{request}")
    if "opaque" in challenge:
        fields["opaque"] = challenge["opaque"]
    if "algorithm" in challenge:
        extra += f", algorithm={challenge['algorithm']}"
    return "Digest " + ", ".join(f'{name}="{value}"' for name, value in fields.items()) + extra


def _parameters(challenge: str) -> dict[str, str]:
    found = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)
    return {name.lower(): quoted or bare for name, quoted, bare in found}
