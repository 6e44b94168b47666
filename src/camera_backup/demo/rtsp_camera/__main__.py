"""Serve cameras: one JSON document on the first line of standard input, then a command per line."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from typing import Any

from gi.repository import GLib

from .camera import Camera
from .feeds import LiveFeed, LoopFeed
from .server import Server
from .spec import CameraSpec


def main() -> int:
    """Run until standard input ends or SIGTERM comes; return an exit code."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    document = json.loads(sys.stdin.readline())
    cameras = {entry["path"]: _camera(entry) for entry in document["cameras"]}
    loop = GLib.MainLoop()
    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, loop.quit)
    try:
        for camera in cameras.values():
            camera.start()
        server = Server(document["host"], document["port"], cameras.values())
        _answer(port=server.port)
        threading.Thread(target=_obey, args=(cameras, loop), daemon=True).start()
        loop.run()
    except (OSError, ValueError) as error:
        _answer(error=str(error))
        return 1
    finally:
        for camera in cameras.values():
            camera.feed.stop()
    return 0


def _camera(entry: dict[str, Any]) -> Camera:
    encoded = entry.pop("encoded", {})
    spec = CameraSpec(**entry)
    return Camera(spec, LiveFeed(spec) if spec.live_clock else LoopFeed(spec, encoded))


def _obey(cameras: dict[str, Camera], loop: Any) -> None:
    for line in sys.stdin:
        try:
            _command(cameras, json.loads(line))
        except (KeyError, OSError, ValueError) as error:
            _answer(error=f"{type(error).__name__}: {error}")
        else:
            _answer(done=True)
    GLib.idle_add(loop.quit)


def _command(cameras: dict[str, Camera], document: dict[str, Any]) -> None:
    camera = cameras[document["path"]]
    match document["command"]:
        case "mute":
            camera.mute()
        case "unmute":
            camera.unmute()
        case "step_clock":
            camera.step_clock(document["seconds"])
        case "switch":
            camera.feed.switch(document["encoded"]["video"])
        case unknown:
            raise ValueError(f"unknown command: {unknown}")


def _answer(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
