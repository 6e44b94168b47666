"""Small real disks that a test may break. They take root, as CI has; without it the test fails and says so."""

import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FS_IOC_SHUTDOWN = 0x8004587D
_WITHOUT_FLUSHING = 2


class Disk:
    """An ext4 file system in a file, mounted at `place`."""

    def __init__(self, image: Path, place: Path) -> None:
        self._image = image
        self.place = place

    def mount(self) -> None:
        """Mount it, replaying its journal if it was cut off."""
        _run("mount", "-o", "loop", str(self._image), str(self.place))

    def unmount(self) -> None:
        """Unmount it."""
        _run("umount", str(self.place))

    def cut_power(self) -> None:
        """Lose everything that was not synced, at once; every later call on it fails, as with a dead disk."""
        descriptor = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, _FS_IOC_SHUTDOWN, struct.pack("I", _WITHOUT_FLUSHING))
        finally:
            os.close(descriptor)

    def restore_power(self) -> None:
        """Come back as after a power cut."""
        self.unmount()
        self.mount()


@contextmanager
def ext4(folder: Path, megabytes: int = 128) -> Iterator[Disk]:
    """Make a disk below `folder`, mounted as long as the block runs."""
    image, place = folder / "disk.img", folder / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", str(image))
    disk = Disk(image, place)
    disk.mount()
    try:
        yield disk
    finally:
        disk.unmount()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)} (tests of disks need root): {done.stderr}"
