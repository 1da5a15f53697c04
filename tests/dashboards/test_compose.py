"""The containers, as the compose file and the Dockerfiles state them; no container engine is needed to read them."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Any

import pytest
import yaml

from lib.settings import PROJECT, load

FOLDER = PROJECT / "superset"
COMPOSE = yaml.safe_load((FOLDER / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILES = sorted(FOLDER.glob("Dockerfile.*"))
ONCE = {"secrets", "lake", "prepare", "provision"}
ENDED, HEALTHY = "service_completed_successfully", "service_healthy"
SECRET = re.compile("password|secret|token|key|requirepass", re.IGNORECASE)
NO_SECRETS = {"secrets.sh", "allkeys-lru"}

each_service = pytest.mark.parametrize("name", SERVICES)
each_dockerfile = pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.suffix)


def mounts(name: str) -> dict[str, str]:
    """Volume -> how it is mounted in a service."""
    return {volume: place for volume, _, place in (text.partition(":") for text in SERVICES[name].get("volumes", []))}


def test_all_that_the_stack_needs_is_there() -> None:
    assert set(SERVICES) == {"secrets", "database", "cache", "lake", "endpoint", "prepare", "superset", "provision"}


def test_only_superset_can_be_reached_and_only_from_this_machine() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "superset": ["127.0.0.1:${LAKEHOUSE_PORT:-8088}:8088"]
    }
    assert not any(service.get("network_mode") == "host" for service in SERVICES.values())


def test_every_network_but_that_of_the_port_is_internal() -> None:
    assert {name for name, network in COMPOSE["networks"].items() if not network.get("internal")} == {"front"}
    assert [name for name, service in SERVICES.items() if "front" in service.get("networks", [])] == ["superset"]


@each_service
def test_a_service_tells_whether_it_is_healthy_or_ends(name: str) -> None:
    service = SERVICES[name]
    assert ("healthcheck" in service) == (name not in ONCE)
    assert service["restart"] == ("no" if name in ONCE else "unless-stopped")


@each_service
def test_a_service_waits_for_what_it_needs(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        assert how == {"condition": ENDED if needed in ONCE else HEALTHY}


@each_service
def test_a_service_has_limits_and_no_rights_to_spare(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert 0 < service["cpus"] <= 2
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@each_service
def test_an_image_is_of_one_version_and_made_here(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z-]+:\d+\.\d+\.\d+", service["image"])
    assert (FOLDER.parent / service["build"]["dockerfile"]).exists()


@each_service
def test_no_service_is_given_a_secret_but_by_a_file(name: str) -> None:
    service = SERVICES[name]
    environment = service.get("environment", {})
    assert not [variable for variable in environment if SECRET.search(variable)]
    assert not [text for text in environment.values() if re.search("://[^/]*:[^/]*@", text)]
    assert not [word for word in service.get("command", []) if SECRET.search(word) and word not in NO_SECRETS]


def test_a_secret_is_mounted_only_where_it_is_needed() -> None:
    holders: dict[str, set[str]] = {}
    for name in SERVICES:
        for volume in mounts(name):
            holders.setdefault(volume, set()).add(name)
    assert holders["lake-secrets"] == {"lake"}
    assert holders["shop-secrets"] == {"secrets", "database", "lake"}
    assert holders["metadata-secrets"] == {"secrets", "database", "prepare", "superset"}
    assert holders["lake"] == {"lake", "endpoint"}
    assert set(COMPOSE["volumes"]) == set(holders)


def test_who_serves_writes_nothing_that_others_made() -> None:
    assert mounts("endpoint")["lake"] == "/data:ro"
    assert mounts("superset") == {"access": "/secrets:ro", "metadata-secrets": "/secrets-metadata:ro"}


@each_dockerfile
def test_a_dockerfile_begins_with_its_base(file: Path) -> None:
    base, begin, *rest = [line for line in file.read_text(encoding="utf-8").splitlines() if line]
    assert re.fullmatch(r"ARG BASE_IMAGE=[a-z]+:\d+\.\d+[a-z0-9.-]*", base)
    assert begin == "FROM ${BASE_IMAGE}"
    assert not [line for line in rest if line.startswith(("FROM", "ADD", "ARG"))]


@each_dockerfile
def test_an_image_runs_as_nobody_in_particular(file: Path) -> None:
    assert [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("USER")] == [
        "USER 10001:10001"
    ]


def test_the_deployment_names_what_is_mounted() -> None:
    deployment = load(PROJECT / "conf/docker.yaml")
    for name in ("lake", "endpoint"):
        places = {place.partition(":")[0] for place in mounts(name).values()}
        assert {str(deployment.secrets), str(PurePath(deployment.lake).parent)} <= places


def test_only_code_enters_an_image() -> None:
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    stated = [line for line in lines if line and not line.startswith("#")]
    assert stated[0] == "*"
    let_in = {line.removeprefix("!").partition("/")[0] for line in stated if line.startswith("!")}
    assert let_in == {"conf", "jobs", "lakehouse", "lib", "splitter", "superset", "pyproject.toml", "spark-submit.sh"}
