"""Country names as an export writes them, resolved to ISO code and region."""

import logging
from collections.abc import Iterable
from functools import cache

import country_converter
import pyarrow as pa

ALIASES = {"Netherlands Antilles": ("AN", "Americas")}
REGIONS = {"Africa": "Africa", "America": "Americas", "Asia": "Asia", "Europe": "Europe", "Oceania": "Oceania"}
NOT_FOUND = "not found"

# It logs an error for each name it cannot resolve; here these names are data, not errors.
logging.getLogger("country_converter").setLevel(logging.CRITICAL)


def countries(names: Iterable[str]) -> pa.Table:
    """One row per name that resolves: name, code, region (`Unknown` for Antarctica)."""
    resolved = [(name, *place) for name in sorted(set(names)) if (place := _resolve(name))]
    return pa.table(
        {
            "name": pa.array([row[0] for row in resolved], pa.string()),
            "code": pa.array([row[1] for row in resolved], pa.string()),
            "region": pa.array([row[2] for row in resolved], pa.string()),
        }
    )


@cache
def _resolve(name: str) -> tuple[str, str] | None:
    """Code and region, or None where the name is unknown or could be several countries."""
    if name in ALIASES:
        return ALIASES[name]
    code = _converter().convert(name, to="ISO2", not_found=NOT_FOUND)
    continent = _converter().convert(name, to="Continent", not_found=NOT_FOUND)
    if isinstance(code, str) and isinstance(continent, str) and NOT_FOUND not in (code, continent):
        return code, REGIONS.get(continent, "Unknown")
    return None


@cache
def _converter() -> country_converter.CountryConverter:
    return country_converter.CountryConverter()
