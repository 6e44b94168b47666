"""A TCP proxy in front of a camera that holds back, cuts or garbles what passes."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class TcpProxy:
    """Listens on `port` and passes everything on to `target`, as long as it is told to."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flowing = threading.Event()
        self._flowing.set()
        self._garbage = False
        self._connections: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.accepted = 0

    def pause(self) -> None:
        """Let nothing pass any more; connections stay open."""
        self._flowing.clear()

    def go_on(self) -> None:
        """Let everything pass as it came again."""
        self._garbage = False
        self._flowing.set()

    def garble(self) -> None:
        """Replace what the camera sends by noise."""
        self._garbage = True

    def cut(self) -> None:
        """Break all connections."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def serve(self) -> None:
        """Accept connections until the server is closed."""
        with contextlib.suppress(OSError):
            while True:
                front, _ = self._server.accept()
                self.accepted += 1
                back = socket.create_connection(("127.0.0.1", self._target))
                self._connections += [front, back]
                for source, target, camera in ((front, back, False), (back, front, True)):
                    threading.Thread(target=self._pass_on, args=(source, target, camera), daemon=True).start()

    def close(self) -> None:
        """Stop listening and break everything."""
        self._flowing.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def _pass_on(self, source: socket.socket, target: socket.socket, camera: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                target.sendall(os.urandom(len(data)) if camera and self._garbage else data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def tcp_proxy(target: int) -> Iterator[TcpProxy]:
    """Run a proxy in front of the server on port `target`."""
    proxy = TcpProxy(target)
    thread = threading.Thread(target=proxy.serve)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
