"""Tell the uploader at once when a segment appears. Only a hint: whatever is missed, the next scan finds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchdog.events import FileCreatedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from camera_backup.logs import Log


@contextmanager
def wakeup(root: Path, wake: Callable[[], None]) -> Iterator[None]:
    """Call `wake` whenever a file that is not hidden appears below `root`.

    Where that cannot be watched it is said once, and scanning has to do.
    """
    observer = Observer()
    observer.daemon = True
    try:
        observer.schedule(_Appeared(wake), str(root), recursive=True, event_filter=[FileCreatedEvent, FileMovedEvent])
        observer.start()
    except OSError as error:
        Log("uploader").warning("spool not watched, scanning it instead", folder=root, error=error)
        yield
        return
    try:
        yield
    finally:
        observer.stop()
        observer.join(timeout=5)


class _Appeared(FileSystemEventHandler):
    """Passes on what may be a finished segment."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take a file that was linked or moved to a name without a dot."""
        name = Path(str(event.dest_path or event.src_path)).name
        if not event.is_directory and not name.startswith("."):
            self._wake()
