"""After any end of a run, there is no manifest before the parts are complete, and the next run succeeds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.splitter.reading import Output

ROOT = Path(__file__).parents[2]
STAGED = ".splitter-partial"
# Dies by SIGKILL at the N-th renaming of the publication: 1 to 3 are the parts, 4 is the manifest.
DIE_AT_RENAME = """
import os, signal, sys
from pathlib import Path
from splitter.__main__ import main
rename, count = Path.replace, 0
def replace(self, target):
    global count
    count += 1
    if count == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.replace = replace
sys.exit(main(sys.argv[2:]))
"""
# Lets no file grow beyond N bytes, as a full disk would.
SMALL_DISK = """
import resource, sys
from splitter.__main__ import main
if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
    sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file large enough for separate processes."""
    source = tmp_path / "large.csv"
    source.write_bytes(b"a,b\n" + b"".join(b'%d,"%s"\n' % (i, b"x" * 300) for i in range(60_000)))
    return source


def command(source: Path) -> list[str]:
    return [sys.executable, "-m", "splitter", str(source), "--out", str(source.parent / "out")]


def succeeds(source: Path, rows: int) -> None:
    done = subprocess.run(command(source), capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    output = Output(source.parent / "out")
    assert output.manifest["input"]["rows"] == rows
    names = {path.name for path in output.folder.iterdir()}
    assert names == {"manifest.json", "part.jsonl", "part.sqlite", "part.csv"}


def wait_for(path: Path, size: int) -> None:
    end = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size >= size):
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.parametrize(("name", "size"), [("part.csv", 0), ("part.jsonl", 1 << 20), ("part.sqlite", 1 << 20)])
def test_killed_while_writing(large: Path, name: str, size: int) -> None:
    process = subprocess.Popen(command(large), cwd=ROOT)
    wait_for(large.parent / "out" / STAGED / name, size)
    process.kill()
    process.wait()
    assert [path.name for path in (large.parent / "out").iterdir()] == [STAGED]
    succeeds(large, 60_000)


@pytest.mark.parametrize("rename", [1, 2, 3, 4])
def test_killed_while_publishing(tmp_path: Path, rename: int) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"a,b\n1,2\n3,4\n5,6\n")
    arguments = [str(source), "--out", str(tmp_path / "out")]
    died = subprocess.run([sys.executable, "-c", DIE_AT_RENAME, str(rename), *arguments], check=False, cwd=ROOT)
    assert died.returncode == -signal.SIGKILL
    moved = {path.name for path in (tmp_path / "out").iterdir()} - {STAGED}
    assert len(moved) == rename - 1
    assert "manifest.json" not in moved
    succeeds(source, 3)


@pytest.fixture
def heeding_ctrl_c() -> Iterator[None]:
    """Tests that run in the background ignore SIGINT, and so would their children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeding_ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped(large: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(command(large), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_for(large.parent / "out" / STAGED / "part.jsonl", 1 << 20)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 1
    assert said == "splitter: Stopped. Nothing was published; run again when you like.\n"
    assert not (large.parent / "out").exists()


def test_no_child_outlives_a_killed_parent(large: Path) -> None:
    process = subprocess.Popen(command(large), cwd=ROOT, start_new_session=True)
    wait_for(large.parent / "out" / STAGED / "part.jsonl", 1 << 20)
    process.kill()
    process.wait()
    end = time.monotonic() + 30
    while _group_is_alive(process.pid):
        assert time.monotonic() < end
        time.sleep(0.05)


def _group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("size", [1000, 20_000, 2_000_000])
def test_disk_full(large: Path, size: int) -> None:
    small = large
    if size < 100_000:
        small = large.with_name("small.csv")
        small.write_bytes(large.read_bytes()[:100_000].rsplit(b"\n", 1)[0])
    script = large.with_name("small_disk.py")
    script.write_text(SMALL_DISK)
    arguments = [sys.executable, str(script), str(size), str(small), "--out", str(large.parent / "out")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    full = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    assert full.returncode == 1
    assert full.stderr.count("\n") == 1, full.stderr
    assert "cannot" in full.stderr
    assert "Free some space" in full.stderr
    assert not (large.parent / "out").exists()


def test_memory_does_not_grow_with_the_input(large: Path) -> None:
    small = large.with_name("small.csv")
    small.write_bytes(large.read_bytes()[:5_000_000].rsplit(b"\n", 1)[0] + b"\n")
    few, many = _peak(small), _peak(large)
    assert many < 1.5 * few + 20 * 1024
    assert many < 500 * 1024


def _peak(source: Path) -> int:
    """Return the largest resident set, in KiB, of the command and the processes it starts."""
    measure = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=2); "
    measure += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    arguments = [*command(source)[:-1], str(source.parent / source.stem)]
    done = subprocess.run(
        [sys.executable, "-c", measure, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return int(done.stdout)
