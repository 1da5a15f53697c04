"""The Thrift protocol's own questions, which no parser sees, show only the marts' views."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from TCLIService import ttypes
from thrift.Thrift import TException

from tests.serving.lakes import CANARY, MARTS
from tests.serving.server import Server, rows

pytestmark = pytest.mark.e2e
PATTERNS = ("%", "*", "_%", "mart_sales", "silver", "delta", "")


@pytest.fixture
def connection(server: Server) -> Iterator[Any]:
    with contextlib.closing(server.connect("sales_manager_asia")) as opened:
        yield opened


def asked(connection: Any, call: Callable[..., Any], request: Any) -> list[list[Any]]:
    """The rows that a metadata call returns; none if it is refused."""
    request.sessionHandle = connection._sessionHandle
    response = call(request)
    if response.operationHandle is None:
        return []
    fetch = ttypes.TFetchResultsReq(response.operationHandle, ttypes.TFetchOrientation.FETCH_NEXT, 10_000)
    columns = connection.client.FetchResults(fetch).results.columns
    values = [next(v.values for v in vars(column).values() if v is not None) for column in columns]
    return [list(row) for row in zip(*values, strict=True)]


def views() -> set[tuple[str, str]]:
    return {(table.layer, table.name) for table in MARTS}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_tables(connection: Any, pattern: str) -> None:
    request = ttypes.TGetTablesReq(schemaName=pattern, tableName="%")
    found = {(row[1], row[2]) for row in asked(connection, connection.client.GetTables, request)}
    assert found <= views()
    if pattern == "%":
        assert found == views()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_columns(connection: Any, pattern: str) -> None:
    request = ttypes.TGetColumnsReq(schemaName=pattern, tableName="%", columnName="%")
    found = asked(connection, connection.client.GetColumns, request)
    assert {(row[1], row[2]) for row in found} <= views()
    assert {row[3] for row in found} <= {column.name for table in MARTS for column in table.stored}


def test_schemas(connection: Any) -> None:
    found = asked(connection, connection.client.GetSchemas, ttypes.TGetSchemasReq(schemaName="%"))
    assert {row[0] for row in found} <= {"default", "mart_sales", "mart_users", "mart_operations", "global_temp"}


def test_what_else_can_be_asked_names_no_path_and_no_table(connection: Any) -> None:
    client = connection.client
    found = [
        asked(connection, client.GetCatalogs, ttypes.TGetCatalogsReq()),
        asked(connection, client.GetTableTypes, ttypes.TGetTableTypesReq()),
        asked(connection, client.GetTypeInfo, ttypes.TGetTypeInfoReq()),
        asked(connection, client.GetFunctions, ttypes.TGetFunctionsReq(functionName="%")),
        asked(connection, client.GetTables, ttypes.TGetTablesReq(tableName="%", tableTypes=["TABLE"])),
    ]
    text = str(found)
    assert not [word for word in (CANARY, "/lake", "silver", "gold", "bronze", "ledger") if word in text]


@pytest.mark.parametrize("kind", [0, 1, 2, 8, 10, 11, 13, 14, 17, 18, 26, 46, 47, 65, 85, 94, 10000])
def test_server_information_holds_no_secret(server: Server, kind: int) -> None:
    told = ""
    # The server ends the connection of who asks what it does not know.
    with contextlib.suppress(TException, OSError), contextlib.closing(server.connect("dpo")) as connection:
        told = str(connection.client.GetInfo(ttypes.TGetInfoReq(connection._sessionHandle, kind)))
    assert CANARY not in told
    assert "/lake" not in told


def test_views_are_described_as_the_contracts_do(connection: Any) -> None:
    for table in MARTS:
        described = rows(connection, f"describe {table.path.replace('/', '.')}")
        assert [(name, kind, comment) for name, kind, comment in described] == [
            (column.name, column.physical_type, column.description) for column in table.stored
        ]


def test_databases_and_views_are_listed(connection: Any) -> None:
    assert {row[0] for row in rows(connection, "show databases")} >= {table.layer for table in MARTS}
    assert {(row[0], row[1]) for row in rows(connection, "show tables in mart_users")} == {
        (layer, name) for layer, name in views() if layer == "mart_users"
    }
