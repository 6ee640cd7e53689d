"""A file that remembers its first failure instead of raising it inside a library."""

import io
from pathlib import Path
from typing import Any


class OutputFile:
    """File that HDF5 can write and close even if the disk becomes full.

    After a failed write, HDF5 can no longer close its file and crashes the process at exit. This
    file therefore hides the failure from HDF5: it keeps the unwritten data in memory, and `check`
    raises the error. Call `check` after each episode, so that little is held in memory.
    """

    def __init__(self, path: Path):
        self._file = path.open("w+b", buffering=0)
        self._error: OSError | None = None
        self._unwritten: list[tuple[int, bytes]] = []

    def __enter__(self) -> "OutputFile":
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()

    def check(self) -> None:
        """Raise the error of the first failed write, if any.

        Raises:
            OSError: If a write failed.
        """
        if self._error is not None:
            raise self._error

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the current offset."""
        return self._file.tell()

    def write(self, data: Any) -> int:
        """Write all bytes of a buffer, or keep them in memory."""
        view = memoryview(data).cast("B")
        start = self._file.tell()
        written = 0
        try:
            while self._error is None and written < len(view):  # a raw file may write a part
                written += self._file.write(view[written:]) or 0
        except OSError as error:
            self._error = error
        if self._error is not None:
            self._unwritten.append((start + written, bytes(view[written:])))
            self._file.seek(start + len(view))
        return len(view)

    def read(self, size: int = -1) -> bytes:
        """Refuse: HDF5 calls `readinto`, but recognizes files by this method."""
        raise io.UnsupportedOperation("read")

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer, including those kept in memory."""
        view = memoryview(buffer).cast("B")
        start = self._file.tell()
        size = self._file.readinto(view) or 0
        for offset, data in self._unwritten:
            first = max(offset, start)
            last = min(offset + len(data), start + len(view))
            if first < last:
                view[first - start : last - start] = data[first - offset : last - offset]
                size = max(size, last - start)
        self._file.seek(start + size)
        return size

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file."""
        try:
            return self._file.truncate(size)
        except OSError as error:
            self._error = self._error or error
            return self._file.tell() if size is None else size

    def flush(self) -> None:
        """Do nothing: the file has no buffer."""
