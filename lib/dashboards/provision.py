"""Bring Superset in line with the code: import the assets, remove deleted ones, then set the access.

A second run changes nothing, and says so. Manual changes in Superset are reverted.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lib.contracts import model
from lib.dashboards import bundle, specs
from lib.dashboards.access import Access
from lib.dashboards.client import Client
from lib.errors import LakehouseError, UsageError
from lib.serving import roles
from lib.serving.accounts import SERVICE, Accounts
from lib.settings import PROJECT, Settings
from lib.settings import load as load_settings

ASSETS = PROJECT / "superset/assets"
STATE = "provisioned.json"
KINDS = ("dashboard", "chart", "dataset", "database")  # in the order in which they can be removed


@dataclass(frozen=True)
class Place:
    """The addresses of Superset and, for it, of the endpoint, and the place that remembers the last import."""

    url: str
    endpoint: str
    state: Path


def provision(settings: Settings, place: Place, assets_folder: Path = ASSETS) -> list[str]:
    """Bring Superset in line; the changes in a few words each, none if nothing differed."""
    with _alone(place.state):
        return _provision(settings, place, assets_folder)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time: after two at once, Superset would have parts of both."""
    with (folder / ".provisioning").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _provision(settings: Settings, place: Place, assets_folder: Path) -> list[str]:
    catalog = model.load(settings.contracts)
    assets = specs.load(assets_folder, catalog)
    accounts = list(Accounts(settings.secrets).all().values())
    client = administrator(settings.secrets, place.url)
    service = _service(settings.secrets)
    address = f"hive://{service}@{place.endpoint}/{catalog.marts[0].layer}?auth=CUSTOM"
    changes = _import(client, bundle.documents(assets, catalog, address), place.state / STATE)
    access = Access(client, catalog, roles.load(settings.roles, catalog))
    return [*changes, *access.apply(assets.dashboards, accounts)]


def administrator(secrets: Path, url: str) -> Client:
    """A session of Superset's administrator, who reads no row at the endpoint."""
    password = (secrets / "superset_admin_password").read_text(encoding="utf-8").strip()
    return Client(url, _service(secrets), password)


def _service(secrets: Path) -> str:
    for account in Accounts(secrets).all().values():
        if account.role == SERVICE:
            return account.name
    raise UsageError(
        "The SQL endpoint has no service account, which acts for other users.",
        "Run: ./spark-submit.sh endpoint_user add superset --role service --generate",
    )


def _import(client: Client, files: bundle.Documents, state: Path) -> list[str]:
    """Import assets that changed since the last time, in the code or in Superset; remove those not in the code."""
    wanted = {name: _digest(document) for name, document in files.items()}
    known = json.loads(state.read_text(encoding="utf-8")) if state.exists() else {"code": {}, "superset": {}}
    changes = _differences(known["code"], wanted)
    changes += [f"{name}: put back" for name in _edited(known["superset"], exported(client)) if not changes]
    if changes:
        _upload(client, files)
    gone = _prune(client, {document["uuid"] for document in files.values()})
    if changes or gone:
        text = json.dumps({"code": wanted, "superset": exported(client)}, indent=1, sort_keys=True)
        state.write_text(text, encoding="utf-8")
    return [*changes, *(name for name in gone if not changes)]


def _upload(client: Client, files: bundle.Documents) -> None:
    parts = {"bundle": ("lakehouse.zip", bundle.packed(files), "application/zip")}
    answer = client.ask("POST", "assets/import/", files=parts, data={"passwords": "{}"})
    if not answer.ok:
        raise LakehouseError(f"Superset refuses the assets: {answer.text[:800]}")


def exported(client: Client) -> dict[str, str]:
    """Superset's assets: the kind and name of each by UUID, with a digest of its content."""
    answer = client.ask("GET", "assets/export/")
    found = {}
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        for name in archive.namelist():
            kind = name.split("/")[1]
            document = yaml.safe_load(archive.read(name))
            if "uuid" in document:
                found[f"{kind} {document['uuid']}"] = _digest(document)
    return found


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    made = [f"{name}: made" for name in now if name not in before]
    changed = [f"{name}: changed" for name in now if before.get(name, now[name]) != now[name]]
    return [*made, *changed, *(f"{name}: gone" for name in before if name not in now)]


def _edited(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The assets that were changed or removed in Superset; assets that were added there are removed elsewhere."""
    return [name for name, digest in before.items() if now.get(name) != digest]


def _prune(client: Client, wanted: set[str]) -> list[str]:
    gone = []
    for kind in KINDS:
        for entry in list(client.all(f"{kind}/")):
            if _uuid(client, kind, entry) not in wanted:
                client.delete(f"{kind}/{entry['id']}")
                gone.append(f"{kind} {entry['id']}: gone")
    return gone


def _uuid(client: Client, kind: str, entry: Mapping[str, Any]) -> str:
    return str(entry.get("uuid") or client.get(f"{kind}/{entry['id']}")["result"]["uuid"])


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(bundle.fingerprint(document).encode()).hexdigest()[:16]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", required=True, help="address of Superset")
    parser.add_argument("--endpoint", default="127.0.0.1:10000", help="address of the SQL endpoint, for Superset")
    parser.add_argument("--state", type=Path, required=True, help="folder that remembers the last import")
    parser.add_argument("--conf", type=Path, default=PROJECT / "conf/local.yaml", help="the deployment")
    options = parser.parse_args()
    place = Place(options.url, options.endpoint, options.state)
    changes = provision(load_settings(options.conf), place)
    print("\n".join(changes) or "Superset is as the code says: no change.", file=sys.stderr)  # noqa: T201 - a command


if __name__ == "__main__":
    main()
