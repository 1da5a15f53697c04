"""Countries and regions: from the library `country_converter`, plus a short list of those that it no longer knows."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import country_converter

REGIONS = {"Africa": "Africa", "America": "Americas", "Asia": "Asia", "Europe": "Europe", "Oceania": "Oceania"}


@dataclass(frozen=True)
class Country:
    """A country: ISO 3166-1 alpha-2 code, short English name, region of the world."""

    code: str
    name: str
    region: str


# Dissolved in 2010, still in many address lists; ISO 3166-3 keeps its former code AN.
FORMER = (Country("AN", "Netherlands Antilles", "Americas"),)


def countries() -> list[Country]:
    """Every country, in the order of its code. Antarctica belongs to no region of the marts: Unknown."""
    table = _converter().data
    # The column holds patterns, like "^GB$|^UK$"; only a conversion returns the code.
    codes = _converter().convert(list(table["name_short"]), to="ISO2")
    known = [
        Country(code, name, REGIONS.get(continent, "Unknown"))
        for code, name, continent in zip(codes, table["name_short"], table["continent"], strict=True)
    ]
    return sorted([*known, *FORMER], key=lambda country: country.code)


def iso_codes(names: Iterable[str]) -> Mapping[str, str]:
    """The code of each name that denotes exactly one country; other names are left out."""
    former = {country.name.casefold(): country.code for country in FORMER}
    asked = [name for name in names if name.strip()]
    found = [_converter().convert(name, to="ISO2", not_found=None) for name in asked]
    codes = {name: former.get(name.strip().casefold(), code) for name, code in zip(asked, found, strict=True)}
    known = {country.code for country in countries()}
    return {name: code for name, code in codes.items() if isinstance(code, str) and code in known}


@cache
def _converter() -> country_converter.CountryConverter:
    # It logs every name that it does not find. These are values of the source and must not be in a log.
    logging.getLogger("country_converter").setLevel(logging.CRITICAL)
    return country_converter.CountryConverter()
