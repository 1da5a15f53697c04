"""Deployments: where the lake, the contracts, the source mappings and the secrets are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from lib import address, durations
from lib.durations import Duration
from lib.errors import UsageError, nearest

FEWEST = 5  # publications: a running query reads one, and the newest documents of a lake name some
NINETY_DAYS, FIVE_YEARS = Duration(days=90), Duration(years=5)
PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Keep:
    """What a lake keeps of what nobody needs for the next run (`lib.pipeline.upkeep`).

    The number of publications to which `rollback` can return, and how long reports and receipts stay.
    """

    publications: int = 14
    reports: Duration = NINETY_DAYS
    receipts: Duration = FIVE_YEARS


@dataclass(frozen=True)
class Settings:
    """One deployment file under `conf/`. `lake` is a path or a URI in its normal form, the others are local.

    `audit_witness` is a file elsewhere that records every entry of the audit log (`lib.accountability.anchors`).
    `ldap`, for the SQL endpoint, holds Hive's settings `hive.server2.authentication.ldap.*`, without that prefix.
    """

    lake: str
    contracts: Path
    sources: Path
    secrets: Path
    roles: Path = PROJECT / "conf/roles.yaml"
    audit_witness: Path | None = None
    ldap: Mapping[str, str] = field(default_factory=dict)
    keep: Keep = Keep()


def load(file: Path, lake: str | None = None) -> Settings:
    """Read a deployment file; `lake` overrides its data root.

    Raises `UsageError` for a missing file and for unknown or missing settings.
    """
    try:
        stated = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"The deployment file {file} cannot be read: {error}.", "Check the option --conf.") from error
    known = [field.name for field in dataclasses.fields(Settings)]
    for name in set(stated) - set(known):
        raise UsageError(f"{file}: setting '{name}' is unknown.", nearest(name, known))
    for name in {"lake", "contracts", "sources", "secrets"} - set(stated):
        raise UsageError(f"{file}: setting '{name}' is missing.")
    return Settings(
        lake=address.normal(lake or stated["lake"], Path.cwd() if lake else PROJECT),
        contracts=PROJECT / stated["contracts"],
        sources=PROJECT / stated["sources"],
        secrets=PROJECT / stated["secrets"],
        roles=PROJECT / stated.get("roles", "conf/roles.yaml"),
        audit_witness=PROJECT / stated["audit_witness"] if stated.get("audit_witness") else None,
        ldap={str(name): str(value) for name, value in (stated.get("ldap") or {}).items()},
        keep=_keep(file, stated.get("keep") or {}),
    )


def _keep(file: Path, stated: Mapping[str, object]) -> Keep:
    known = [field.name for field in dataclasses.fields(Keep)]
    for name in set(stated) - set(known):
        raise UsageError(f"{file}: setting 'keep.{name}' is unknown.", nearest(name, known))
    publications = stated.get("publications", Keep.publications)
    if not isinstance(publications, int) or publications < FEWEST:
        raise UsageError(f"{file}: 'keep.publications' is not a whole number of at least {FEWEST}.")
    periods = {name: durations.parse(str(stated[name])) for name in ("reports", "receipts") if name in stated}
    for name, period in periods.items():
        if period is None:
            raise UsageError(
                f"{file}: 'keep.{name}' is not a period.", "Write an ISO 8601 duration, such as P1Y or P90D."
            )
    return Keep(publications, **{name: period for name, period in periods.items() if period})
