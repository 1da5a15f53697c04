"""A disk whose power can be cut: an ext4 file system in a file on another file system, where copies take no time.

A copy of that file holds the data that ext4 had written to its disk at that moment, in ext4's own order. Data still in
memory are lost, as in a power cut. Needs root, loop devices and mkfs.xfs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SIZE = "256M"
BELOW = "4G"
# Without the heuristics by which ext4 guesses what a program that flushes nothing might have meant.
STRICT = "loop,noauto_da_alloc"


def lacking() -> str:
    """The missing prerequisites on this machine; empty if it has everything."""
    if os.geteuid() != 0:
        return "root"
    tools = [tool for tool in ("mkfs.xfs", "mkfs.ext4", "mount") if shutil.which(tool) is None]
    return ", ".join(tools) if tools else ("" if Path("/dev/loop-control").exists() else "loop devices")


@dataclass
class Disk:
    """The disk at `place`, and the folder below it with its file and the copies."""

    folder: Path
    place: Path

    @property
    def file(self) -> Path:
        return self.folder / "disk"

    def cut(self, name: str) -> Path:
        """What the disk holds if the power is cut now."""
        copy = self.folder / name
        _run("cp", "--reflink=always", str(self.file), str(copy))
        return copy

    @contextmanager
    def cuts(self, found: list[Path], pause: Callable[[], float]) -> Iterator[None]:
        """Cut the power again and again while something is done, with a pause before each, in seconds."""
        ended = threading.Event()

        def cut_on() -> None:
            while not ended.wait(pause()):
                found.append(self.cut(f"cut-{len(found):04d}"))

        thread = threading.Thread(target=cut_on)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    @contextmanager
    def after(self, cut: Path) -> Iterator[None]:
        """The disk as it comes up again after a power cut; then that disk is thrown away."""
        with mounted(cut, self.place):
            yield
        cut.unlink()


@contextmanager
def mounted(file: Path, place: Path, options: str = STRICT) -> Iterator[None]:
    """A file system in a file, in its place."""
    place.mkdir(exist_ok=True)
    _run("mount", "-o", options, str(file), str(place))
    try:
        yield
    finally:
        _run("umount", str(place))


@contextmanager
def disk(folder: Path, place: Path) -> Iterator[Disk]:
    """A new disk, not yet mounted."""
    below = folder / "below"
    _run("truncate", "--size", BELOW, str(below))
    _run("mkfs.xfs", "-q", "-m", "reflink=1", str(below))
    with mounted(below, folder / "copies", "loop"):
        made = Disk(folder / "copies", place)
        _run("truncate", "--size", SIZE, str(made.file))
        _run("mkfs.ext4", "-q", "-b", "4096", str(made.file))
        yield made


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
