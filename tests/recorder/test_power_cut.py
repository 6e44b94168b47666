"""A power cut in the middle of recording: what was not synced is gone, as if the plug had been pulled."""

import random
import time
from pathlib import Path

import pytest

from camera_backup.demo.camera import CameraSpec
from tests.conftest import StartCameras
from tests.support.disks import ext4
from tests.support.frames import decodes_cleanly
from tests.support.recorders import assert_unbroken, frames, growing, recording, segments
from tests.support.waiting import wait_for


@pytest.mark.parametrize("attempt", range(3))
def test_a_power_cut_costs_two_seconds_of_the_open_segment_and_nothing_of_a_closed_one(
    tmp_path: Path, camera_server: StartCameras, attempt: int
) -> None:
    url = camera_server(CameraSpec(path="cam")).url("cam")
    with ext4(tmp_path) as disk:
        with recording(disk.place, url, duration=6) as recorder:
            recorder.wait_until_it_says("segment published", count=2)
            closed = {path.name: path.read_bytes() for path in segments(disk.place)}
            wait_for(lambda: any(path.stat().st_size > 250_000 for path in growing(disk.place)), "an open segment")
            time.sleep(random.uniform(0, 1 + attempt / 2))
            cut = time.time()
            disk.cut_power()
            recorder.kill()
        disk.restore_power()
        with recording(disk.place, url, duration=6) as recorder:
            recorder.wait_until_it_says("segment salvaged")
            recorder.stop()
        found = segments(disk.place)
        kept = {path.name: path.read_bytes() for path in found}
        assert {name: kept.get(name) for name in closed} == closed
        before = [path for path in found if frames([path])[0].wall_ms < cut * 1000]
        assert_unbroken(before)
        assert all(decodes_cleanly(path) == "" for path in before)
        assert cut * 1000 - frames(before)[-1].wall_ms <= 2000
