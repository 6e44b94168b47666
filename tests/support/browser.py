"""Debian's Chromium, headless, playing what lies at a URL."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

_OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip

# Plays for a moment, seeks to two thirds and plays on; says what the element knew by then.
_PLAY = """
async () => {
    const video = document.querySelector('video');
    const until = (ok) => new Promise((yes, no) => {
        const started = performance.now();
        const look = () => {
            if (video.error) return no(new Error('video error ' + video.error.code + ': ' + video.error.message));
            if (ok()) return yes();
            if (performance.now() - started > 20000) return no(new Error('nothing moved at ' + video.currentTime));
            setTimeout(look, 20);
        };
        look();
    });
    video.muted = true;
    await until(() => video.readyState >= 2);
    await video.play();
    await until(() => video.currentTime > 0.3);
    const target = video.duration * 2 / 3;
    video.currentTime = target;
    await until(() => !video.seeking && video.currentTime >= target + 0.2);
    return {duration: video.duration, width: video.videoWidth, at: video.currentTime,
            sound: video.webkitAudioDecodedByteCount};
}
"""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP on loopback; gives its URL. A page must come from somewhere to load other URLs."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def play(folder: Path, video_url: str) -> dict[str, Any]:
    """Play a video in Chromium, seek in it, and return its duration, width, last position and decoded sound bytes."""
    (folder / "page.html").write_text(f'<video src="{video_url.replace("&", "&amp;")}"></video>')
    with served(folder) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(_OPTIONS))
        try:
            page = browser.new_page()
            page.goto(f"{address}/page.html")
            facts: dict[str, Any] = page.evaluate(_PLAY)
        finally:
            browser.close()
    return facts


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""
