import os
import signal
import socket
from pathlib import Path

import pytest

from camera_backup.service import Backoff, Notifier, stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_to_stop(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.wait(5)
    assert signal.getsignal(number) is before


def test_a_hangup_reloads_and_does_not_stop() -> None:
    reloads = []
    with stop_on_signals(lambda: reloads.append(1)) as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.wait(0.05)
    assert reloads == [1]


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_the_notifications(tmp_path: Path, abstract: bool) -> None:
    address = f"@camera-backup-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + address[1:] if abstract else address)
        systemd.settimeout(5)
        notifier = Notifier(address)
        notifier.ready()
        notifier.status("recording")
        notifier.status("recording")
        notifier.watchdog()
        assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"STATUS=recording", b"WATCHDOG=1"]


def test_nobody_listening_is_no_error(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "nobody")).ready()
    Notifier("").ready()
    assert not list(tmp_path.iterdir())


def test_waits_double_up_to_the_longest_and_start_again() -> None:
    backoff = Backoff(1, 6, jitter=lambda: 1.0)
    assert [backoff.next() for _ in range(5)] == [1, 2, 4, 6, 6]
    backoff.reset()
    assert backoff.next() == 1


def test_jitter_takes_at_most_half() -> None:
    assert Backoff(8, 8, jitter=lambda: 0.0).next() == 4
