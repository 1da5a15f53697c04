"""After any end of a job, stderr is one line that states what to do; and doing exactly that leads to a good end."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.lakes import COMMAND, PROJECT, Ending

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

# Each test needs minutes of Spark together; a job that writes one text stands for all, since all come through lib.cli.
NOTE = '''"""Write a text into the lake, with rows that are spilled on the way."""
import sys, time
from lib import cli

def main(options):
    from pyspark import StorageLevel
    from lib.pipeline.writer import held
    with held(options, "note", new=True) as place, place.opened(audits=False) as lake:
        rows = lake.spark.range(options.rows).selectExpr("concat('canary-', uuid()) as v")
        rows.persist(StorageLevel.DISK_ONLY).count()
        lake.storage.write("note.txt", "x" * options.bytes)
        print("written", flush=True)
        time.sleep(options.wait)
    return "Noted."

parser = cli.parser("note")
parser.add_argument("--bytes", type=int, default=1)
parser.add_argument("--rows", type=int, default=10)
parser.add_argument("--wait", type=float, default=0)
if __name__ == "__main__":
    sys.exit(cli.run(main, parser.parse_args()))
'''
HUNGRY = '''"""Take 700 MB of Java's memory, in the driver or in a task."""
import sys
from lib import cli

def main(options):
    from lib.session import session
    spark = session("hungry")
    if options.where == "driver":
        spark._jvm.java.nio.ByteBuffer.allocate(700 * 2**20)
    else:
        spark.range(1).selectExpr("length(repeat('x', cast(id as int) + 700 * 1024 * 1024))").collect()
    return "Eaten."

parser = cli.parser("hungry")
parser.add_argument("--where")
if __name__ == "__main__":
    sys.exit(cli.run(main, parser.parse_args()))
'''
GO_ON = "Run the same command again to go on."
SOUND = "the lake is as sound as before"
KILLED = (
    "A process of this job was killed from outside, most likely because the machine ran out of memory; "
    f"{SOUND}. End other programs or give Java less than 1g by --driver-memory, and run the same command again."
)
# Root passes over all rights; without its capabilities it is a user like others.
WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
STRANGER = 1234

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting, and giving files to another user, is root's")


@dataclass(frozen=True)
class Place:
    """A folder with jobs, a deployment, and all that a run writes."""

    folder: Path

    @property
    def lake(self) -> Path:
        return self.folder / "lake"

    @property
    def temp(self) -> Path:
        return self.folder / "temp"

    def start(self, *words: str, prefix: Sequence[str] = (), **more: str) -> subprocess.Popen[str]:
        environment = {
            "LAKEHOUSE_JOBS": str(self.folder / "jobs"),
            "LAKEHOUSE_TEMP": str(self.temp),
            "LAKEHOUSE_DRIVER_MEMORY": "1g",
            "SPARK_SUBMIT_OPTS": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m",
        }
        return subprocess.Popen(
            [*prefix, COMMAND, *words, "--conf", str(self.folder / "deployment.yaml")],
            env={**os.environ, **environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, prefix: Sequence[str] = (), **more: str) -> Ending:
        with self.start(*words, prefix=prefix, **more) as process:
            out, err = process.communicate()
        return Ending(process.returncode, out, err)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/note.py").write_text(NOTE, encoding="utf-8")
    (tmp_path / "jobs/hungry.py").write_text(HUNGRY, encoding="utf-8")
    for name in ("pipeline", "rollback"):
        shutil.copy(PROJECT / f"jobs/{name}.py", tmp_path / "jobs")
    stated = {
        "lake": str(tmp_path / "lake"),
        "secrets": str(tmp_path / "secrets"),
        "contracts": str(PROJECT / "lakehouse"),
        "sources": str(PROJECT / "conf/sources"),
    }
    (tmp_path / "deployment.yaml").write_text(yaml.safe_dump(stated), encoding="utf-8")
    return Place(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A mounted disk of 40 MB; the jars that Spark copies for itself need some 25 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=40m,mode=700", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, but: int) -> Path:
    """Fill a disk until only the given number of bytes is free."""
    status = os.statvfs(disk)
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (status.f_bavail * status.f_frsize - but))
    return ballast


def noted(ending: Ending) -> bool:
    return (ending.code, ending.err) == (0, "Noted.\n")


# --- a full disk ------------------------------------------------------------------------------------------------------


@needs_root
def test_a_full_disk_of_the_lake(place: Place, small_disk: Path) -> None:
    lake = small_disk / "lake"
    lake.mkdir()
    ballast = fill(small_disk, 1 << 20)
    words = ("note", "--lake", str(lake), "--bytes", str(4 << 20))
    ending = place.run(*words)
    assert (ending.code, ending.err) == (
        1,
        (
            f"The disk of the lake is full: {lake}. Free some space there and run the same command again; "
            "nothing is lost.\n"
        ),
    )
    ballast.unlink()
    assert noted(place.run(*words))
    assert [file.name for file in lake.rglob("*") if file.name.endswith((".tmp", ".tmp.crc"))] == []


@needs_root
@pytest.mark.long
def test_a_full_disk_where_spark_spills(place: Place, small_disk: Path) -> None:
    words = ("note", "--rows", "2000000")
    ending = place.run(*words, "--conf", f"spark.local.dir={small_disk}")
    assert (ending.code, ending.err) == (
        1,
        (
            f"The disk of Spark's spill files is full: {small_disk}. Free some space there, or name another folder by "
            "--conf spark.local.dir=FOLDER, and run the same command again; nothing is lost.\n"
        ),
    )
    assert noted(place.run(*words, "--conf", f"spark.local.dir={place.folder / 'elsewhere'}"))
    assert list(small_disk.rglob("job-*")) == []


@needs_root
@pytest.mark.long
def test_a_full_disk_of_temporary_files(place: Place, small_disk: Path) -> None:
    ballast = fill(small_disk, 1 << 20)
    ending = place.run("note", LAKEHOUSE_TEMP=str(small_disk))
    assert (ending.code, ending.err) == (
        1,
        (
            f"The disk of the temporary files is full: {small_disk}. Free some space there, or name another folder in "
            "LAKEHOUSE_TEMP, and run the same command again; nothing is lost.\n"
        ),
    )
    assert noted(place.run("note", LAKEHOUSE_TEMP=str(place.folder / "elsewhere")))
    ballast.unlink()
    assert noted(place.run("note", LAKEHOUSE_TEMP=str(small_disk)))


# --- rights -----------------------------------------------------------------------------------------------------------


@needs_root
@pytest.mark.long
@pytest.mark.parametrize("what", ["lake", "secrets"])
def test_a_read_only_file_system(place: Place, small_disk: Path, what: str) -> None:
    folder = small_disk / what
    (place.folder / what).symlink_to(folder)
    folder.mkdir(mode=0o700)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ending = place.run("note")
    shown = folder if what == "lake" else place.folder / what
    name = "the lake" if what == "lake" else "the secrets"
    assert (ending.code, ending.err) == (
        2,
        (
            f"The file system of {name} is read-only: {shown}. Mount it for writing (mount -o remount,rw "
            f"'{small_disk}'), and run the same command again; nothing is lost.\n"
        ),
    )
    follow(ending, r"\((mount .*)\)")
    assert noted(place.run("note"))


def follow(ending: Ending, pattern: str) -> None:
    """Do literally what a sentence states."""
    found = re.search(pattern, ending.err)
    assert found
    subprocess.run(shlex.split(found[1]), check=True)


@needs_root
@pytest.mark.parametrize(
    "what",
    [
        "lake",
        pytest.param("secrets", marks=pytest.mark.long),
        pytest.param("lake/reports", marks=pytest.mark.long),
    ],
)
def test_a_folder_of_another_user(place: Place, what: str) -> None:
    closed = place.folder / what
    closed.mkdir(parents=True)
    place.lake.mkdir(exist_ok=True)
    (place.lake / "note.txt").mkdir(mode=0o500) if what == "lake/reports" else None
    closed.chmod(0o700)
    os.chown(closed, STRANGER, STRANGER)
    top = place.folder / what.partition("/")[0]
    if what == "lake/reports":
        os.chown(top, STRANGER, STRANGER)
    ending = place.run("note", prefix=WITHOUT_PRIVILEGES)
    name = "the secrets" if what == "secrets" else "the lake"
    assert (ending.code, ending.err) == (
        2,
        (
            f"The user root has no right to {name}: {top} belongs to {STRANGER}. Run the job as that user, or let "
            f"root run: chown -R root '{top}'\n"
        ),
    )
    follow(ending, r"root run: (.*)")
    if what == "lake/reports":
        (place.lake / "note.txt").rmdir()
    assert noted(place.run("note", prefix=WITHOUT_PRIVILEGES))


@needs_root
@pytest.mark.long
def test_an_input_that_this_user_may_not_read(place: Place) -> None:
    folder = place.folder / "exports"
    folder.mkdir()
    (folder / "in.csv").write_text("user_id\n1\n", encoding="utf-8")
    for closed, words in ((folder, str(folder / "*.csv")), (folder / "in.csv", str(folder / "in.csv"))):
        closed.chmod(0)
        ending = place.run("pipeline", "--input", words, prefix=WITHOUT_PRIVILEGES)
        assert ending.code == 3
        (line,) = ending.err.splitlines()
        assert re.fullmatch(
            rf"The user root may not read \S+: {closed} belongs to root\. Run: chmod u\+rX '{closed}'", line
        )
        follow(ending, r"Run: (.*)")
    ending = place.run("pipeline", "--input", str(folder / "in.csv"), prefix=WITHOUT_PRIVILEGES)
    assert "may not read" not in ending.err


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["driver", pytest.param("task", marks=pytest.mark.long)])
def test_java_without_memory(place: Place, where: str) -> None:
    words = ("hungry", "--where", where, "--driver-memory")
    ending = place.run(*words, "512m")
    assert (ending.code, ending.err) == (
        1,
        f"Java ran out of memory with 512m; {SOUND}. Run the same command again with --driver-memory 1024m.\n",
    )
    again = place.run(*words, "1024m")
    if again.code:  # it may take a second doubling: the sentence leads on, not round
        assert again.err.endswith("again with --driver-memory 2048m.\n")
        again = place.run(*words, "2048m")
    assert (again.code, again.err) == (0, "Eaten.\n")


@pytest.mark.long
def test_too_little_memory_to_start_with(place: Place) -> None:
    said = {given: place.run("note", "--driver-memory", given) for given in ("100m", "1x")}
    assert [(ending.code, ending.err) for ending in said.values()] == [
        (2, "Spark needs more memory than it was given. Run the same command with --driver-memory 1g.\n"),
        (
            2,
            (
                "Java does not start with --driver-memory 1x or with the options it was given. Run the same command "
                "again with --driver-memory 2g, and without options of your own for Java.\n"
            ),
        ),
    ]
    for ending in said.values():
        follow_memory = re.search(r"--driver-memory (\dg)", ending.err)
        assert follow_memory
        assert noted(place.run("note", "--driver-memory", follow_memory[1]))


# --- signals ----------------------------------------------------------------------------------------------------------


def interrupted(place: Place, number: signal.Signals, process: str) -> Ending:
    """A job interrupted in the middle of its work: all its processes, the launcher, the JVM or the job itself."""
    with place.start("note", "--wait", "60") as started:
        assert started.stdout
        assert started.stdout.readline() == "written\n"
        if process == "group":
            os.killpg(started.pid, number)
        else:
            os.kill(named(started.pid, process), number)
        out, err = started.communicate(timeout=60)
    return Ending(started.returncode, out, err)


def named(launcher: int, process: str) -> int:
    """The launcher's process of this name."""
    if process == "launcher":
        return launcher
    java = next(child for child in children(launcher) if program(child) == "java")
    return java if process == "java" else next(iter(children(java)))


def children(process: int) -> list[int]:
    stats = [path.read_text() for path in Path("/proc").glob("[0-9]*/stat")]
    return [int(stat.split()[0]) for stat in stats if int(stat.rpartition(")")[2].split()[1]) == process]


def program(process: int) -> str:
    return Path(f"/proc/{process}/comm").read_text(encoding="ascii").strip()


@pytest.mark.parametrize(
    ("number", "process", "code", "said"),
    [
        (signal.SIGTERM, "launcher", 143, f"Stopped by SIGTERM; {SOUND}. {GO_ON}"),
        (signal.SIGINT, "group", 130, f"Interrupted; {SOUND}. {GO_ON}"),
        pytest.param(signal.SIGTERM, "group", 143, f"Stopped by SIGTERM; {SOUND}. {GO_ON}", marks=pytest.mark.long),
        pytest.param(
            signal.SIGHUP,
            "group",
            129,
            f"Stopped because its terminal closed; {SOUND}. {GO_ON}",
            marks=pytest.mark.long,
        ),
        pytest.param(
            signal.SIGKILL,
            "java",
            1,
            KILLED,
            marks=pytest.mark.long,
        ),
        pytest.param(
            signal.SIGKILL,
            "job",
            1,
            KILLED,
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_signal(place: Place, number: signal.Signals, process: str, code: int, said: str) -> None:
    ending = interrupted(place, number, process)
    assert (ending.code, ending.err) == (code, f"{said}\n")
    assert noted(place.run("note"))


# --- leftovers --------------------------------------------------------------------------------------------------------


def test_what_a_killed_job_leaves_goes_with_the_next_and_what_a_living_one_holds_stays(place: Place) -> None:
    spill = place.folder / "spill"
    with place.start("note", "--wait", "60", "--conf", f"spark.local.dir={spill}") as killed:
        assert killed.stdout
        assert killed.stdout.readline() == "written\n"
        assert {path.name.partition("-")[0] for path in spill.glob("*/job-*/*")} >= {"blockmgr", "spark"}
        while_alive = place.run("note", "--lake", str(place.folder / "other"), "--conf", f"spark.local.dir={spill}")
        assert noted(while_alive)
        left = [*spill.glob("*/job-*"), *place.temp.glob("job-*")]
        assert len(left) == 2
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
    assert all(folder.exists() for folder in left)  # a kill leaves them
    drafts = [
        place.lake / ".note.txt.1-2.tmp",
        place.lake / "..note.txt.1-2.tmp.crc",
        place.folder / "secrets/x.key.new",
    ]
    for draft in drafts:
        draft.touch()
    assert noted(place.run("note", "--conf", f"spark.local.dir={spill}"))
    assert [path for path in [*left, *drafts] if path.exists()] == []
    assert [*spill.glob("*/job-*"), *place.temp.glob("job-*")] == []
