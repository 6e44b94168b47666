"""A small RTSP client that sees what no recorder shows: the sender reports of a camera."""

import re
import socket
import struct
import time
from types import TracebackType
from typing import Self

_SECONDS = 20.0
_SENDER_REPORT = 200
_NTP_EPOCH = 2_208_988_800  # 1970 in seconds since 1900


class RtspClient:
    """Plays a camera that has one stream, over TCP."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
        self._input = self._socket.makefile("rb")
        self._session = ""
        self._requests = 0
        url = f"rtsp://127.0.0.1:{port}/{path}"
        self._ask("DESCRIBE", url, "Accept: application/sdp")
        self._ask("SETUP", f"{url}/stream=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        self._ask("PLAY", url, "Range: npt=now-")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._input.close()
        self._socket.close()

    def sender_report(self) -> float:
        """Wait for the next sender report; return the camera's time in it, in seconds since 1970."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            _, channel, length = struct.unpack(">BBH", self._input.read(4))
            packet = self._input.read(length)
            if channel == 1 and packet[1] == _SENDER_REPORT:
                seconds, fraction = struct.unpack(">II", packet[8:16])
                return float(seconds - _NTP_EPOCH + fraction / (1 << 32))
        raise AssertionError(f"no sender report within {_SECONDS:g} s")

    def _ask(self, method: str, url: str, header: str) -> None:
        self._requests += 1
        request = f"{method} {url} RTSP/1.0\r\nCSeq: {self._requests}\r\n{self._session}{header}\r\n\r\n"
        self._socket.sendall(request.encode())
        lines = []
        while line := self._input.readline().decode().strip():
            lines.append(line)
        assert lines[0] == "RTSP/1.0 200 OK", lines
        answer = "\n".join(lines)
        if session := re.search(r"^Session: ([^;\n]+)", answer, re.MULTILINE):
            self._session = f"Session: {session[1]}\r\n"
        if body := re.search(r"^Content-Length: ([0-9]+)", answer, re.MULTILINE | re.IGNORECASE):
            self._input.read(int(body[1]))
