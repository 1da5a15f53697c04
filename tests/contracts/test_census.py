"""No column with personal data escapes erasure, export and retention, or lacks a purpose."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lib.contracts import coverage, model
from lib.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def altered(tmp_path: Path) -> Callable[[str, Change], model.Catalog]:
    """The project's contracts, one of them changed."""

    def change(path: str, how: Change) -> model.Catalog:
        folder = shutil.copytree(ROOT / "lakehouse", tmp_path / "lakehouse")
        file = folder / f"{path}.yaml"
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        how(document["schema"][0])
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        return model.load(folder)

    return change


def column(name: str, **custom: str) -> Change:
    """Add a personal column with these custom properties."""
    properties = [{"property": key, "value": value} for key, value in custom.items()]

    def add(schema: dict[str, Any]) -> None:
        schema["properties"].append(
            {"name": name, "logicalType": "string", "classification": "personal", "customProperties": properties}
        )

    return add


ACTIVITIES = yaml.safe_load((ROOT / "lakehouse/processing_activities.yaml").read_text(encoding="utf-8"))


def without(name: str) -> Change:
    """Take a custom property from the table; it then states its processing activity itself."""

    def take(schema: dict[str, Any]) -> None:
        stated = {each["property"]: each["value"] for each in schema["customProperties"]}
        stated = {**ACTIVITIES[stated.pop("processingActivity")], **stated}
        schema["customProperties"] = [{"property": k, "value": v} for k, v in stated.items() if k != name]

    return take


def open_points(catalog: model.Catalog) -> dict[str, tuple[str, ...]]:
    return {f"{found.table.path}.{found.column.name}": found.missing for found in coverage.gaps(catalog)}


def test_every_personal_column_of_the_contracts_is_covered() -> None:
    catalog = model.load(ROOT / "lakehouse")
    coverage.require(catalog)
    covered = {(c.table.path, c.column.name): c.reached for c in coverage.census(catalog)}
    assert covered["silver/users", "user_key"] == ("erase", "export", "retention")
    assert covered["gold/fact_sales", "durable_user_key"] == ("erase", "export", "retention")
    assert covered["bronze/sales_events", "user_id"] == ("erase", "export", "retention")


def test_what_never_enters_needs_no_right() -> None:
    catalog = model.load(ROOT / "lakehouse")
    covered = {(c.table.path, c.column.name): c.reached for c in coverage.census(catalog)}
    assert covered["bronze/sales_events", "email"] == ()


def test_a_column_in_a_table_that_leads_to_nobody_is_found(
    altered: Callable[[str, Change], model.Catalog],
) -> None:
    catalog = altered("gold/dim_product", column("buyer_email"))
    assert open_points(catalog) == {
        "gold/dim_product.buyer_email": (
            "purpose", "legal basis", "retention period", "erase", "export", "retention",
        )
    }  # fmt: skip
    with pytest.raises(UsageError, match=r"gold/dim_product\.buyer_email lacks purpose"):
        coverage.require(catalog)


def test_a_purpose_alone_does_not_make_a_row_reachable(
    altered: Callable[[str, Change], model.Catalog],
) -> None:
    stated = {"purpose": "Any", "legalBasis": "Consent", "retention": "P1Y", "retentionFrom": "last_activity"}
    assert open_points(altered("gold/dim_product", column("buyer_email", **stated))) == {
        "gold/dim_product.buyer_email": ("erase", "export", "retention")
    }


@pytest.mark.parametrize(
    ("taken", "missing"),
    [
        ("purpose", ("purpose",)),
        ("legalBasis", ("legal basis",)),
        ("retention", ("retention period", "retention")),
        ("retentionFrom", ("retention",)),
        ("subject", ("erase", "export", "retention")),
        ("subjectBy", ("erase", "export")),
    ],
)
def test_what_a_contract_leaves_out_is_found(
    altered: Callable[[str, Change], model.Catalog], taken: str, missing: tuple[str, ...]
) -> None:
    assert set(open_points(altered("silver/users", without(taken))).values()) == {missing}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("retention", "3 years", "is not a duration"),
        ("retentionFrom", "last_activty", "Did you mean 'last_activity'"),
        ("retentionFrom", "user_key", "is unknown"),
        ("subjectBy", "pseudonyme", "Did you mean 'pseudonym'"),
        ("exempt", {"erasure": "because"}, "Did you mean 'erase'"),
    ],
)
def test_a_value_that_no_job_understands_is_refused(
    altered: Callable[[str, Change], model.Catalog], name: str, value: object, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        altered("silver/users", stating(name, value))


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("sales_daily", ("load", "sums"), "Did you mean 'sum'"),
        ("sales_daily", ("load", "full"), "newestDay is for tables of load 'sum'"),
        ("sales_daily", ("rowsBehind", "line"), "rowsBehind 'line' is unknown. Did you mean 'lines'"),
        ("dim_channel", ("load", "sum"), "a required number in each column beside the key, not 'channel'"),
    ],
)
def test_a_table_that_cannot_be_summed_is_refused(
    altered: Callable[[str, Change], model.Catalog], table: str, change: tuple[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        altered(f"gold/{table}", stating(*change))


@pytest.mark.parametrize(
    ("left_out", "message"), [("rowsBehind", "rowsBehind '' is unknown"), ("newestDay", "needs a newestDay")]
)
def test_a_sum_states_what_it_needs(
    altered: Callable[[str, Change], model.Catalog], left_out: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        altered("gold/sales_daily", lacking(left_out))


def lacking(name: str) -> Change:
    """Take a custom property from a table that has no processing activity."""

    def take(schema: dict[str, Any]) -> None:
        schema["customProperties"] = [each for each in schema["customProperties"] if each["property"] != name]

    return take


def test_views_that_only_sums_read_are_their_steps(altered: Callable[[str, Change], model.Catalog]) -> None:
    catalog = model.load(ROOT / "lakehouse")
    steps = {"user_years", "user_lifecycle", "user_versions", "user_spans", "user_months"}
    assert catalog.steps_of_sums == steps
    cohorts = catalog.sources(catalog["cohort_months"])
    assert {table.name for table in cohorts} == {"fact_sales", "fact_user_activity", "dim_user", "dim_geography"}
    read_by_a_mart = altered("mart_sales/trends", stating("inputs", ["sales_daily", "region_months", "user_years"]))
    assert read_by_a_mart.steps_of_sums == steps - {"user_years"}


def stating(name: str, value: object) -> Change:
    """Let a table state a property beside its activity."""

    def put(schema: dict[str, Any]) -> None:
        others = [each for each in schema["customProperties"] if each["property"] != name]
        schema["customProperties"] = [*others, {"property": name, "value": value}]

    return put


def test_what_a_table_states_itself_counts_before_its_activity(altered: Callable[[str, Change], model.Catalog]) -> None:
    catalog = altered("silver/users", stating("purpose", "Another"))
    by_name = {column.name: column for column in catalog["users"].columns}
    stated = by_name["user_key"].purpose, by_name["user_key"].legal_basis, by_name["user_key"].retention
    assert stated == ("Another", "Legitimate interest, Art. 6(1)(f) GDPR", "P3Y")
    assert catalog["purchases"].columns[0].purpose == "Statistics on sales and on the use of the shop"


def test_an_activity_that_nobody_describes_is_refused(altered: Callable[[str, Change], model.Catalog]) -> None:
    with pytest.raises(UsageError, match=r"processingActivity 'statistic' is unknown\. Did you mean 'statistics'"):
        altered("silver/users", stating("processingActivity", "statistic"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("statistics: {purposes: Any}", "statistics: 'purposes' is unknown. Did you mean 'purpose'"),
        ("statistics: Any", "is not a list of processing activities"),
        ("- statistics", "is not a list of processing activities"),
        ("a: [", "is not YAML"),
        ("", "processingActivity 'statistics' is unknown"),
    ],
)
def test_activities_that_cannot_be_read_are_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = shutil.copytree(ROOT / "lakehouse", tmp_path / "lakehouse")
    (folder / "processing_activities.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        model.load(folder)


def test_what_an_activity_leaves_out_is_missing_in_each_of_its_tables(tmp_path: Path) -> None:
    folder = shutil.copytree(ROOT / "lakehouse", tmp_path / "lakehouse")
    left = {name: {k: v for k, v in stated.items() if k != "purpose"} for name, stated in ACTIVITIES.items()}
    (folder / "processing_activities.yaml").write_text(yaml.safe_dump(left), encoding="utf-8")
    catalog = model.load(folder)
    assert set(open_points(catalog).values()) == {("purpose",)}
    assert len({name.rpartition(".")[0] for name in open_points(catalog)}) > 8


def test_a_family_is_several_tables_from_one_contract() -> None:
    catalog = model.load(ROOT / "lakehouse")
    monthly, yearly = catalog["monthly"], catalog["yearly"]
    assert (monthly.path, yearly.path) == ("mart_sales/monthly", "mart_sales/yearly")
    assert (monthly.transformation, yearly.parameters["periods_per_year"]) == (yearly.transformation, 1)
    assert yearly.grain.startswith("one row per year, region and category, from the first year")
    only = {column.name for column in monthly.columns} - {column.name for column in yearly.columns}
    assert only == {"revenue_last_year", "growth_last_year"}


def test_a_word_that_a_family_does_not_state_is_named(altered: Callable[[str, Change], model.Catalog]) -> None:
    def ask(schema: dict[str, Any]) -> None:
        schema["description"] = "Sales of each ${perod}"

    with pytest.raises(UsageError, match=r"periods\.yaml: 'Sales of each .*' uses the word 'perod'"):
        altered("mart_sales/periods", ask)


@pytest.mark.parametrize("file", sorted((ROOT / "lakehouse").glob("*/*.sql")), ids=lambda file: file.stem)
def test_sql_opens_with_the_grain_of_its_contract(file: Path) -> None:
    stated = yaml.safe_load(file.with_suffix(".yaml").read_text(encoding="utf-8"))["schema"][0]
    grain = stated["dataGranularityDescription"].replace("${period}", "period")
    assert file.read_text(encoding="utf-8").splitlines()[0] == f"-- {grain[0].upper()}{grain[1:]}."


def test_members_that_stand_for_nobody_are_parameters_by_their_keys() -> None:
    parameters = model.load(ROOT / "lakehouse")["fact_sales"].parameters
    assert (parameters["unknown_dim_user"], parameters["restricted_dim_user"]) == (-1, -2)
    assert parameters["unknown_dim_channel"] == -1
