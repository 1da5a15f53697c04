"""All spellings of a lake's address are one lake; files under an older spelling still belong to it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from lib import address
from lib.accountability import subject_requests
from lib.accountability.auditlog import audit_log
from lib.settings import PROJECT, load


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "x" / "lake").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "x")
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


SPELLINGS = (
    "{}/x/lake", "{}/x/lake/", "{}/x//lake", "{}/x/./lake", "{}/y/../x/lake", "{}/link/lake", "x/lake", "./x/lake/",
    "file:{}/x/lake", "file://{}/x/lake", "file:///{}/x//lake/", "FILE:{}/x/lake", "file://localhost{}/x/lake",
    "file:{}/link/../x/lake/", "file:{}/link/lake",
)  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_folder_is_its_absolute_path(folder: Path, spelling: str) -> None:
    place = spelling.format(folder)
    assert address.normal(place) == f"{folder}/x/lake"
    assert address.local_path(place) == folder / "x/lake"
    assert load(PROJECT / "conf/local.yaml", place).lake == f"{folder}/x/lake"


@pytest.mark.parametrize(
    ("spelling", "form"),
    [
        ("hdfs://Node.Example:8020/data//lake/", "hdfs://node.example:8020/data/lake"),
        ("HDFS://node.example:8020/data/./x/../lake", "hdfs://node.example:8020/data/lake"),
        ("s3a://Bucket/Lake", "s3a://bucket/Lake"),
        ("s3a://bucket/", "s3a://bucket"),
        ("hdfs:///data/lake/", "hdfs:/data/lake"),
        ("hdfs:/data/lake", "hdfs:/data/lake"),
        ("abfss://Container@Account.example/lake", "abfss://Container@account.example/lake"),
    ],
)
def test_a_uri_has_scheme_and_host_in_lower_case(spelling: str, form: str) -> None:
    assert address.normal(spelling) == form
    assert address.local_path(spelling) is None


def test_a_relative_place_is_taken_from_the_folder_given(folder: Path) -> None:
    assert address.normal("lake", folder / "x") == f"{folder}/x/lake"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_has_the_same_audit_log(folder: Path, spelling: str) -> None:
    audit_log(str(folder / "x/lake"), folder / "secrets").append("export_done", "req-0123456789abcdef")
    assert audit_log(spelling.format(folder), folder / "secrets").verify() == 1
    assert len(list((folder / "secrets").glob("*.head"))) == 1


def test_a_head_and_a_request_of_an_older_spelling_are_found(folder: Path) -> None:
    secrets, lake = folder / "secrets", str(folder / "x/lake")
    old = hashlib.sha256(f"file://{lake}".encode()).hexdigest()[:16]
    audit_log(lake, secrets).append("export_done", "req-0123456789abcdef")
    (head,) = secrets.glob("*.head")
    os.replace(head, secrets / f"audit-{old}.head")  # noqa: PTH105 - as a shell would
    assert audit_log(lake, secrets).verify() == 1

    request = subject_requests.SubjectRequest(
        "req-0123456789abcdef", f"file://{lake}", "2023-08-25T00:00:00Z", ["4711"], "00"
    )
    subject_requests.save(secrets, request)
    for place in subject_requests.PLACES:  # an earlier release kept one copy, without the kind in its name
        (file,) = (secrets / place).glob("*.json")
        text = json.dumps(json.loads(file.read_text(encoding="utf-8"))["request"])
        file.unlink()
        earlier = secrets / subject_requests.PLACES[0] / f"{old}-{request.reference}.json"
        earlier.write_text(text, encoding="utf-8")
    assert subject_requests.opened(secrets, lake) == [request]
    subject_requests.close(secrets, request)
    assert subject_requests.opened(secrets, lake) == []
