"""The launcher as a person meets it. Only the tests marked e2e start Spark; the others put stubs in its place."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = '''"""Run the whole way."""
import sys
print("help of pipeline" if "--help" in sys.argv else "ran", *sys.argv[1:])
'''
LEAVE = '''"""Leave with the code given."""
import sys
print("a figure")
print("a remedy", file=sys.stderr)
sys.exit(int(sys.argv[1]))
'''
WAIT = '''"""Wait to be killed."""
import os, sys, time
print(os.getpid(), flush=True)
time.sleep(60)
'''
# What spark-submit.sh and its setup call besides Python and Java.
TOOLS = [
    "bash",
    "env",
    "awk",
    "basename",
    "cat",
    "chmod",
    "cmp",
    "cp",
    "cut",
    "df",
    "dirname",
    "flock",
    "grep",
    "mkdir",
    "mv",
    "readlink",
    "rm",
    "sed",
    "sha256sum",
    "sort",
]


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone in which nothing is set up, in a folder with a blank in its name."""
    folder = tmp_path / "a clone"
    shutil.copytree(ROOT / "conf" / "setup", folder / "conf" / "setup")
    shutil.copy(ROOT / "spark-submit.sh", folder)
    jobs = folder / "jobs"
    jobs.mkdir()
    (jobs / "pipeline.py").write_text(PIPELINE)
    (jobs / "leave.py").write_text(LEAVE)
    (jobs / "wait.py").write_text(WAIT)
    (jobs / "_private.py").write_text('"""Not a job."""\n')
    return folder


@pytest.fixture
def stubbed(project: Path) -> Path:
    """The same, set up, but its spark-submit only prints its arguments."""
    site_packages = project / ".venv" / "lib" / "python3.11" / "site-packages"
    program(site_packages / "pyspark" / "bin" / "spark-submit", "printf '%s\\n' \"$@\"; exit 4")
    program(project / ".venv" / "bin" / "python", f'exec "{sys.executable}" "$@"')
    (project / ".jars").mkdir()
    (project / ".jars" / "delta.jar").touch()
    for pins in (project / "conf" / "setup" / "jars.sha256", project / ".jars" / ".stamp"):
        pins.write_text(f"{'0' * 64}  delta.jar\n")
    stamp = 'root=$PWD; source conf/setup/setup.sh; venv_stamp >"$venv/.stamp"'
    subprocess.run(["bash", "-c", stamp], cwd=project, check=True)
    return project


@pytest.fixture
def real(project: Path) -> Path:
    """The same, with this project's own environment and jars; run as `LAKEHOUSE_JOBS=... ./spark-submit.sh`."""
    return project / "jobs"


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with the common tools, but neither Python nor Java nor uv."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return folder


def launch(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in {"PYTHON", "LAKEHOUSE_JOBS"}}
    return subprocess.run(
        [str(project / "spark-submit.sh"), *arguments],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def submitted(project: Path, *arguments: str) -> list[str]:
    """The arguments of spark-submit, without those that are the same for every job."""
    given = launch(project, *arguments).stdout.splitlines()
    assert given[0] == "--name"
    assert given[2:4] == ["--jars", f"{project}/.jars/delta.jar"]
    return [given[1], *(argument.replace(f"{project}/", "") for argument in given[4:])]


def refused(project: Path, *arguments: str, **environment: str) -> str:
    """The one line on stderr of a command that must be refused."""
    done = launch(project, *arguments, **environment)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    *progress, last = done.stderr.splitlines()
    assert all(line.startswith("Setting up (once): ") for line in progress)
    return last


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_help_lists_each_job_with_the_first_line_of_its_docstring(project: Path) -> None:
    text = launch(project, "--help").stdout
    assert "  leave              Leave with the code given.\n  pipeline           Run the whole way.\n" in text
    assert "_private" not in text


def test_help_of_a_job_does_not_start_spark(stubbed: Path) -> None:
    assert launch(stubbed, "pipeline", "--help").stdout == "help of pipeline --help\n"
    assert launch(stubbed, "--lake", "x", "--help").stdout == "help of pipeline --lake x --help\n"


def test_an_unknown_job_is_refused_with_the_nearest_name(project: Path) -> None:
    assert refused(project, "pipline") == (
        "spark-submit.sh: there is no job pipline; did you mean pipeline? (./spark-submit.sh --help lists the jobs)"
    )


@pytest.mark.parametrize("name", ["../setup", "_private/", "x y"])
def test_a_job_is_a_name_not_a_path(project: Path, name: str) -> None:
    assert f"there is no job {name}" in refused(project, name)


# --- who gets which option --------------------------------------------------------------------------------------------


def test_no_job_means_pipeline(stubbed: Path) -> None:
    assert submitted(stubbed) == ["pipeline", "jobs/pipeline.py"]
    assert submitted(stubbed, "--lake", "a lake") == ["pipeline", "jobs/pipeline.py", "--lake", "a lake"]


def test_options_of_spark_submit_may_stand_anywhere(stubbed: Path) -> None:
    expected = ["leave", "--master", "local[1]", "--conf", "spark.a=b c", "jobs/leave.py", "--as-of", "2024-01-01"]
    assert (
        submitted(stubbed, "leave", "--master", "local[1]", "--as-of", "2024-01-01", "--conf=spark.a=b c") == expected
    )
    assert (
        submitted(stubbed, "--master=local[1]", "--conf", "spark.a=b c", "leave", "--as-of", "2024-01-01") == expected
    )


@pytest.mark.parametrize(
    ("words", "job", "options"),
    [
        ("--conf conf/x.yaml leave --to r1", "leave", "--conf conf/x.yaml --to r1"),
        ("--lake=data/x leave", "leave", "--lake=data/x"),
        ("--source leave --input a", "pipeline", "--source leave --input a"),
        ("leave --to pipeline", "leave", "--to pipeline"),
        ("leave add pipeline", "leave", "add pipeline"),
    ],
)
def test_the_job_may_stand_anywhere(stubbed: Path, words: str, job: str, options: str) -> None:
    assert submitted(stubbed, *words.split()) == [job, f"jobs/{job}.py", *options.split()]
    before = submitted(stubbed, "--master", "local[1]", *words.split())
    assert before == [job, "--master", "local[1]", f"jobs/{job}.py", *options.split()]


def test_conf_with_a_file_belongs_to_the_job(stubbed: Path) -> None:
    given = submitted(stubbed, "leave", "--conf", "conf/docker.yaml", "--conf", "spark.ui.enabled=true")
    assert given == ["leave", "--conf", "spark.ui.enabled=true", "jobs/leave.py", "--conf", "conf/docker.yaml"]


def test_the_endpoint_gets_the_variables_it_needs_and_no_other(stubbed: Path) -> None:
    (stubbed / "jobs" / "serve_sql.py").write_text(PIPELINE)
    program(
        next(stubbed.glob(".venv/lib/*/site-packages/pyspark")) / "bin" / "spark-submit", 'env; printf "%s\\n" "$@"'
    )
    secrets = {"PGPASSWORD": "a secret", "AWS_SECRET_ACCESS_KEY": "a secret", "SPARK_USER": "executive"}
    for job, kept in (("leave", True), ("serve_sql", False)):
        given = launch(stubbed, job, **secrets, TZ="UTC").stdout.splitlines()
        assert ("PGPASSWORD=a secret" in given, "AWS_SECRET_ACCESS_KEY=a secret" in given) == (kept, kept)
        assert ("SPARK_USER=executive" in given) == kept
        assert "TZ=UTC" in given
        # Hive closes the class loader of --jars at the end of a session.
        assert ("--driver-class-path" in given) != kept


def test_what_is_small_and_here_gets_the_quick_compiler(stubbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_SUBMIT_OPTS", raising=False)  # make test sets it
    program(next(stubbed.glob(".venv/lib/*/site-packages/pyspark")) / "bin/spark-submit", "echo $SPARK_SUBMIT_OPTS")
    for name in ("serve_sql", "benchmark"):
        (stubbed / "jobs" / f"{name}.py").write_text(PIPELINE)
    parts = stubbed / "large parts"
    parts.mkdir()
    (parts / "manifest.json").write_text("{}")
    (parts / "part.csv").write_bytes(b"1" * 80_000_000)
    (stubbed / "small.csv").write_text("1\n")

    def quick(*words: str) -> bool:
        return "-XX:TieredStopAtLevel=1" in launch(stubbed, *words).stdout

    small = ["--lake", str(stubbed / "lake"), f"--input={stubbed}/s*.csv"]
    assert quick()
    assert quick(*small)
    assert not quick(*small, "--input", str(parts / "manifest.json"))
    assert not quick("--lake", str(parts))
    batch = ["--lake", str(parts), f"--input={stubbed}/s*.csv"]
    assert quick(*batch)
    assert quick(*batch, "--audit=changed")
    for whole in (["--rebuild"], ["--audit", "full"], ["--audit=full"]):
        assert not quick(*whole, *batch)
    assert not quick("--lake", str(parts), f"--input={stubbed}/none.csv")
    assert not quick("--lake=hdfs:///lake")
    assert not quick(*small, "--conf", "conf/cluster.yaml")
    assert not quick("serve_sql")
    assert not quick("benchmark")
    assert launch(stubbed, SPARK_SUBMIT_OPTS="-Xint").stdout.startswith("-Xint ")


@pytest.fixture
def told(stubbed: Path) -> Path:
    """The same; its spark-submit describes the process that a job would be."""
    site_packages = next(stubbed.glob(".venv/lib/*/site-packages"))
    program(
        site_packages / "pyspark" / "bin" / "spark-submit",
        'umask; ulimit -Sc; ulimit -Hc; echo "$TMPDIR"; echo "$SPARK_LOCAL_DIRS"; echo "$SPARK_SUBMIT_OPTS"\n'
        'stat -c %a "$TMPDIR" "${TMPDIR%/*}"\n'
        "[[ -z ${WAIT-} ]] || read -r _",
    )
    return stubbed


def test_temporary_files_are_private_and_no_memory_is_dumped(told: Path) -> None:
    umask, soft, hard, folder, local, options, *modes = launch(told).stdout.splitlines()
    assert (umask, soft, hard) == ("0077", "0", "0")
    assert Path(folder).parent == told / "data" / "temp"
    assert local == folder
    assert modes == ["700", "700"]
    assert not Path(folder).exists()  # a job that ends takes it along
    assert f'"-Djava.io.tmpdir={folder}"' in options
    assert f'"-XX:ErrorFile={folder}/hs_err_%p.log"' in options
    assert "-XX:-UsePerfData -XX:-HeapDumpOnOutOfMemoryError" in options


def test_the_next_job_removes_what_a_dead_one_left_and_nothing_of_a_living_one(told: Path) -> None:
    command = [str(told / "spark-submit.sh")]
    with subprocess.Popen(
        command, env={**os.environ, "WAIT": "1"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as living:
        assert living.stdout
        (folder,) = [line for line in (living.stdout.readline() for _ in range(4)) if "/job-" in line]
        spilled = Path(folder.strip()) / "blockmgr" / "shuffle_0_0_0.data"
        spilled.parent.mkdir()
        spilled.write_text("a row")
        first = launch(told)
        assert first.returncode == 0
        assert spilled.exists()
        living.kill()
        living.wait()
    # The lock of a killed process is gone with it.
    deadline = time.monotonic() + 10
    while launch(told).returncode == 0 and spilled.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not spilled.exists()
    assert list((told / "data" / "temp").glob("job-*")) == []


def test_a_place_of_ones_own_for_temporary_files(told: Path, tmp_path: Path) -> None:
    lines = launch(told, LAKEHOUSE_TEMP=str(tmp_path / "own")).stdout.splitlines()
    assert Path(lines[3]).parent == tmp_path / "own"
    spill = [tmp_path / "fast", tmp_path / "large"]
    (tmp_path / "own.conf").write_text(f"spark.local.dir  {spill[0]},{spill[1]}\n")
    own = {"SPARK_LOCAL_DIRS": str(spill[0])}
    for words, environment, places in (
        (["--conf", f"spark.local.dir={spill[1]}"], {}, spill[1:]),
        (["--properties-file", str(tmp_path / "own.conf")], {}, spill),
        (["--conf", f"spark.local.dir={spill[1]}"], own, spill[:1]),
    ):
        lines = launch(told, *words, **environment).stdout.splitlines()
        assert Path(lines[3]).parent == told / "data" / "temp"
        assert [Path(folder).parent for folder in lines[4].split(",")] == [
            p / f"lakehouse-{os.getuid()}" for p in places
        ]
    (tmp_path / "file").touch()
    assert refused(told, "--conf", f"spark.local.dir={tmp_path}/file") == (
        f"spark-submit.sh: no folder for Spark's spill files can be made in {tmp_path}/file; "
        "name another folder by --conf spark.local.dir=FOLDER"
    )
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert "no private folder for temporary files" in refused(told, LAKEHOUSE_TEMP=str(tmp_path / "link"))


def test_without_a_place_beside_the_code_the_systems_is_taken(told: Path, tmp_path: Path) -> None:
    (told / "data").write_text("no folder")
    lines = launch(told, TMPDIR=str(tmp_path)).stdout.splitlines()
    assert Path(lines[3]).parent == tmp_path / f"lakehouse-{os.getuid()}"


def test_own_jars_are_added_and_an_own_properties_file_keeps_the_defaults(stubbed: Path) -> None:
    given = launch(stubbed, "leave", "--jars", "my.jar", "--properties-file", "my.conf").stdout.splitlines()
    assert given[2:4] == ["--jars", f"{stubbed}/.jars/delta.jar,my.jar"]
    assert given[4:7] == ["--load-spark-defaults", "--properties-file", "my.conf"]


def test_a_cluster_gets_the_modules_too(stubbed: Path) -> None:
    for name in ("lib", "lakehouse", "splitter"):
        (stubbed / name).mkdir()
        (stubbed / name / "__init__.py").touch()
    given = submitted(stubbed, "leave", "--master", "spark://host:7077", "--py-files", "own.py")
    zipped = "dist/lakehouse-modules.zip"
    assert given[1:5] == ["--py-files", f"{zipped},own.py", "--master", "spark://host:7077"]
    assert {"lib/__init__.py", "lakehouse/__init__.py"} <= set(ZipFile(stubbed / zipped).namelist())


def test_what_follows_two_dashes_goes_to_the_job(stubbed: Path) -> None:
    assert submitted(stubbed, "leave", "--", "--master", "x") == ["leave", "jobs/leave.py", "--master", "x"]


def test_an_option_without_its_value_is_refused(project: Path) -> None:
    assert refused(project, "leave", "--master") == "spark-submit.sh: --master needs a value"


def test_the_exit_code_and_both_streams_pass(stubbed: Path) -> None:
    spark_submit = stubbed / ".venv/lib/python3.11/site-packages/pyspark/bin/spark-submit"
    program(spark_submit, 'echo "a line of Java" >&2; "$PYSPARK_DRIVER_PYTHON" "${@: -2}"; exit $?')
    done = launch(stubbed, "leave", "5")
    assert (done.returncode, done.stdout, done.stderr) == (5, "a figure\n", "a remedy\n")


JAVA_LINES = """\
WARNING: Using incubator modules: jdk.incubator.vector
Exception in thread "main" java.io.IOException: the row Anna Canary cannot be read
it is Canary's second line
\tat org.apache.spark.Task.run(Task.scala:146)
Caused by: java.lang.IllegalStateException: Canary
2026-11-27T01:02:03 WARN Task: lost 'Anna Canary' of "Canary" at 1987654321
"""


def test_javas_lines_are_shown_without_what_they_quote() -> None:
    command = f"root={ROOT}; source {ROOT}/conf/setup/supervise.sh; masked"
    done = subprocess.run(["bash", "-c", command], input=JAVA_LINES, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        'Exception in thread "main" java.io.IOException',
        "\tat org.apache.spark.Task.run(Task.scala:146)",
        "Caused by: java.lang.IllegalStateException",
        "*-11-27T01:02:03 WARN Task: lost * of * at *",
    ]


# --- what is missing --------------------------------------------------------------------------------------------------


def test_without_java_one_sentence_says_so(project: Path, tools: Path) -> None:
    assert refused(project, "--setup-only", PATH=str(tools), JAVA_HOME="") == (
        "spark-submit.sh: no Java found; Spark needs a JDK 17 or 21: "
        "install one (Debian: apt install openjdk-17-jdk-headless) or point JAVA_HOME at it"
    )


def test_a_java_of_another_version_is_refused(project: Path, tmp_path: Path) -> None:
    program(tmp_path / "jdk" / "bin" / "java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
    assert "bin/java is Java 11.0.2; Spark needs a JDK 17 or 21" in refused(project, JAVA_HOME=str(tmp_path / "jdk"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_in_the_same_checkout(stubbed: Path, tmp_path: Path) -> None:
    """Who set the checkout up may have done so with a Python of their own."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o711)
    (stubbed / ".venv").chmod(0o700)
    stranger = ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"]
    environment = {**os.environ, "HOME": "/nonexistent"}
    environment.pop("LAKEHOUSE_JOBS", None)
    words = [*stranger, str(stubbed / "spark-submit.sh"), "leave"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        (
            f"spark-submit.sh: {stubbed} belongs to root, and 1234 cannot use the setup there; clone the project "
            "into a folder of your own and run it there\n"
        ),
    )
    own = tmp_path / "own" / "clone"
    shutil.copytree(stubbed, own, symlinks=True)
    program(own / ".venv" / "bin" / "python", "echo 3.11.0")
    stamp = 'root=$PWD; source conf/setup/setup.sh; venv_stamp >"$venv/.stamp"'
    subprocess.run(["bash", "-c", stamp], cwd=own, check=True)
    subprocess.run(["chown", "-R", "1234:1234", str(own.parent)], check=True)
    words = [*stranger, str(own / "spark-submit.sh"), "--setup-only"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_runtime_without_compiler_is_refused(project: Path, tmp_path: Path) -> None:
    program(tmp_path / "jre" / "bin" / "java", "exit 1")
    (tmp_path / "jre" / "release").write_text('JAVA_VERSION="17.0.15"\n')
    assert "a runtime without javac" in refused(project, JAVA_HOME=str(tmp_path / "jre"))


@pytest.fixture
def jdk(tmp_path: Path) -> str:
    home = tmp_path / "jdk-21"
    program(home / "bin" / "java", "exit 1")
    program(home / "bin" / "javac", "exit 1")
    (home / "release").write_text('JAVA_VERSION="21.0.1"\n')
    return str(home)


def test_a_python_of_another_version_is_refused(project: Path, tools: Path, jdk: str) -> None:
    old = program(tools / "python3", "exit 1")
    assert "no Python 3.10 to 3.12 found; install one" in refused(project, PATH=str(tools), JAVA_HOME=jdk)
    assert f"PYTHON={old} is not a Python 3.10 to 3.12" in refused(project, PYTHON=str(old), JAVA_HOME=jdk)


@pytest.fixture
def python(tools: Path) -> Path:
    """A Python that reaches no package index."""
    body = f'case $1 in -ISc) exec "{sys.executable}" "$@" ;; esac\n[[ $2 == venv ]] || exit 1\n'
    return program(tools / "python3", f'{body}mkdir -p "$3/bin" && cp "$0" "$3/bin/python"')


def test_a_full_disk_is_noticed_before_anything_is_fetched(project: Path, tools: Path, python: Path, jdk: str) -> None:
    (tools / "df").unlink()
    program(tools / "df", "echo Header; echo '/dev/vda 100 60 40 60% /'")
    assert refused(project, PATH=str(tools), JAVA_HOME=jdk) == (
        f"spark-submit.sh: setting up needs 2500 MB of disk, 40 MB are free in {project}; free some and run again"
    )
    assert not (project / ".venv").exists()


def test_without_network_one_sentence_says_so_and_nothing_counts_as_set_up(
    project: Path, tools: Path, python: Path, jdk: str
) -> None:
    assert "could not install the Python packages; check the network and run again" in refused(
        project, PATH=str(tools), JAVA_HOME=jdk
    )
    assert not (project / ".venv" / ".stamp").exists()


def test_a_lost_jar_is_noticed(stubbed: Path, jdk: str) -> None:
    (stubbed / ".jars" / "delta.jar").unlink()
    assert "could not fetch the jars; check the network and run again" in refused(stubbed, JAVA_HOME=jdk)


def test_no_download_address_stands_in_the_pins() -> None:
    setup = ROOT / "conf" / "setup"
    text = "".join(path.read_text() for path in setup.iterdir() if path.is_file())
    assert "://" not in text
    assert " @ " not in (setup / "requirements.txt").read_text()


# --- the real spark-submit --------------------------------------------------------------------------------------------


@pytest.mark.e2e
@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5])
def test_a_jobs_exit_code_and_streams_come_through_spark(real: Path, code: int) -> None:
    done = launch(ROOT, "leave", str(code), LAKEHOUSE_JOBS=str(real))
    assert (done.returncode, done.stdout, done.stderr) == (code, "a figure\n", "a remedy\n")


@pytest.mark.e2e
def test_streams_that_are_files_keep_apart(real: Path, tmp_path: Path) -> None:
    command = 'echo before; "$1" leave 3; echo $?'
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        arguments = ["bash", "-c", command, "-", str(ROOT / "spark-submit.sh")]
        subprocess.run(arguments, env={**os.environ, "LAKEHOUSE_JOBS": str(real)}, stdout=out, stderr=err, check=True)
    assert (tmp_path / "out").read_text() == "before\na figure\n3\n"
    assert (tmp_path / "err").read_text() == "a remedy\n"


def is_running(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.e2e
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_ends_with_its_spark_submit(real: Path, how: signal.Signals) -> None:
    environment = {**os.environ, "LAKEHOUSE_JOBS": str(real)}
    command = [str(ROOT / "spark-submit.sh"), "wait"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as launched:
        assert launched.stdout
        job = int(launched.stdout.readline())
        assert is_running(job)
        launched.send_signal(how)
        launched.wait(30)
        deadline = time.monotonic() + 10
        while is_running(job) and time.monotonic() < deadline:
            time.sleep(0.1)
    assert not is_running(job)


SPILL = '''"""Shuffle rows, keep them on the disk, and wait to be killed."""
import time
from pyspark import StorageLevel
from lib.session import session
rows = session("spill").range(1000).selectExpr("id % 7 as k", "concat('canary-', id) as v").repartition(4, "k")
rows.persist(StorageLevel.DISK_ONLY).count()
print("spilled", flush=True)
time.sleep(60)
'''


@pytest.mark.e2e
def test_what_spark_spills_is_private_and_gone_after_the_next_job(real: Path, tmp_path: Path) -> None:
    (real / "spill.py").write_text(SPILL)
    temporary, elsewhere = tmp_path / "temp", tmp_path / "tmp"
    elsewhere.mkdir()
    environment = {"LAKEHOUSE_JOBS": str(real), "LAKEHOUSE_TEMP": str(temporary), "TMPDIR": str(elsewhere)}
    command = [str(ROOT / "spark-submit.sh"), "spill"]
    with subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout
        assert job.stdout.readline() == "spilled\n"
        # The jars that Spark copies there are as readable as the original, in a folder that opens for nobody else.
        files = [file for file in temporary.rglob("*") if file.is_file() and file.suffix != ".jar"]
        (folder,) = temporary.glob("job-*")
        assert [stat.S_IMODE(path.stat().st_mode) for path in (temporary, folder)] == [0o700, 0o700]
        job.kill()
    assert [file.name for file in files if file.name.startswith("shuffle_") and file.suffix == ".data"]
    assert [file.name for file in files if file.name.startswith("rdd_")]
    assert [file for file in files if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077] == []
    assert list(temporary.rglob("shuffle_*")) != []  # a kill leaves them
    deadline = time.monotonic() + 20
    while launch(ROOT, "leave", "0", **environment).returncode == 0 and list(temporary.rglob("shuffle_*")):
        assert time.monotonic() < deadline
    assert list(elsewhere.iterdir()) == []
