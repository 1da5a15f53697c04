"""Who may open a session, as whom, and with which settings."""

from __future__ import annotations

import contextlib
import socket
import struct

import pytest
from pyhive import hive
from pyhive.exc import Error
from TCLIService import ttypes
from thrift.Thrift import TException

from tests.serving.lakes import CANARY
from tests.serving.server import HOST, LOGIN_FAILED, Server, refusal, rows

pytestmark = pytest.mark.e2e
WHO = "select current_user()"
PROXY = "hive.server2.proxy.user"


@pytest.mark.parametrize("user", ["executive", "EXECUTIVE", "nobody", "root", "", "executive/x", "executive@x", "x:y"])
@pytest.mark.parametrize("password", ["wrong", "", " ", "\x00", "executive"])
def test_a_wrong_password_opens_nothing(server: Server, user: str, password: str) -> None:
    with pytest.raises((LOGIN_FAILED, Error, ValueError)):
        hive.connect(HOST, server.port, username=user, password=password, auth="CUSTOM").close()


@pytest.mark.parametrize("user", ["EXECUTIVE", "executive ", "executive/x", "executive@x"])
def test_the_right_password_opens_nothing_under_another_spelling(server: Server, user: str) -> None:
    with pytest.raises((LOGIN_FAILED, Error)):
        server.connect(user, server.passwords["executive"]).close()


def test_no_authentication_opens_nothing(server: Server) -> None:
    for auth in ("NOSASL", "NONE"):
        with pytest.raises((LOGIN_FAILED, Error, TException, EOFError, OSError)):
            hive.connect(HOST, server.port, username="executive", auth=auth).close()


def test_the_name_in_the_session_request_counts_for_nothing(server: Server) -> None:
    with contextlib.closing(server.connect("sales_manager_asia")) as connection:
        request = ttypes.TOpenSessionReq(
            client_protocol=ttypes.TProtocolVersion.HIVE_CLI_SERVICE_PROTOCOL_V6, username="executive"
        )
        connection._sessionHandle = connection.client.OpenSession(request).sessionHandle
        assert rows(connection, WHO) == [("sales_manager_asia",)]


def test_plain_sasl_gives_nobody_another_name(server: Server) -> None:
    """An authorisation id beside the name of the login is a part of PLAIN that must not be believed."""
    word = server.passwords["sales_manager_asia"].encode()
    with socket.create_connection((HOST, server.port), 10) as plain:
        plain.sendall(struct.pack(">BI", 1, 5) + b"PLAIN")
        answer = b"executive\0sales_manager_asia\0" + word
        plain.sendall(struct.pack(">BI", 5, len(answer)) + answer)
        status = plain.recv(5)
    # Accepted or not: the name that counts is the one whose password was given (the test above asks who it is).
    assert status[:1] in (b"\x05", b"\x03", b"\x04")


@pytest.mark.parametrize("user", ["executive", "dpo", "sales_manager_asia"])
@pytest.mark.parametrize("other", ["dpo", "superset", "nobody", "root"])
def test_a_user_acts_for_nobody_else(server: Server, user: str, other: str) -> None:
    if user != other:
        with pytest.raises(Error):
            server.rows(user, WHO, configuration={PROXY: other})


def test_the_service_acts_for_known_users_only(server: Server) -> None:
    assert server.rows("superset", WHO, configuration={PROXY: "dpo"}) == [("dpo",)]
    for other in ("nobody", "root", "DPO", "*", "dpo/x", "dpo@x", "dpo,executive", "executive "):
        with pytest.raises(Error):
            server.rows("superset", WHO, configuration={PROXY: other})


def test_the_service_itself_lists_and_reads_no_row(server: Server) -> None:
    assert len(server.rows("superset", "show tables in mart_sales")) == 6
    assert server.rows("superset", "select count(*) from mart_sales.monthly") == [(0,)]


HARMLESS = {"set:hiveconf:hive.fetch.output.serde": "x", "hive.server2.async.exec.threads": "1", "set:hivevar:x": "y"}


def test_settings_of_drivers_are_dropped(server: Server) -> None:
    assert server.rows("executive", WHO, configuration=HARMLESS) == [("executive",)]


@pytest.mark.parametrize(
    "name",
    [
        "set:system:hive.server2.authentication",
        "set:system:hive.server2.custom.authentication.class",
        "set:system:user.name",
        "set:env:X",
        "set:metaconf:hive.metastore.try.direct.sql",
        "set:hiveconf:spark.sql.variable.substitute",
        "set:hiveconf:spark.sql.thriftServer.queryTimeout",
        "set:hiveconf:fs.defaultFS",
        "set:spark.sql.extensions",
        "set:spark.sql.catalog.mine",
        "spark.sql.variable.substitute",
        "spark.sql.optimizer.excludedRules",
        "spark.sql.extensions",
        "spark.sql.catalog.spark_catalog",
        "spark.sql.catalog.mine",
        "spark.sql.defaultCatalog",
        "spark.master",
        "SET:SYSTEM:user.name",
        "set:",
        "",
        "system:user.name",
        "hivevar:x",
        "fs.file.impl",
    ],
)
def test_other_settings_are_refused_and_change_nothing(server: Server, name: str) -> None:
    with pytest.raises((Error, TException)) as error:
        server.rows(
            "executive", WHO, configuration={name: "org.apache.hive.service.auth.AnonymousAuthenticationProviderImpl"}
        )
    assert "Refused: the session setting" in refusal(error.value)
    with pytest.raises(LOGIN_FAILED):
        server.connect("executive", "wrong").close()


@pytest.mark.parametrize("database", ["${env:CANARY}", "silver", "x; select 1", "`delta`.`/`", "default extended"])
def test_a_database_to_begin_with_is_a_name(server: Server, database: str) -> None:
    with pytest.raises((Error, TException)) as error:
        server.rows("executive", WHO, configuration={"use:database": database})
    assert CANARY not in str(error.value)


def test_a_database_to_begin_with_is_used(server: Server) -> None:
    assert server.rows("executive", "select count(*) from monthly", database="mart_sales") == [(21,)]


def test_one_user_cannot_take_all_sessions(server: Server) -> None:
    with contextlib.ExitStack() as opened:
        for _ in range(20):
            opened.enter_context(contextlib.closing(server.connect("marketing_analyst")))
        with pytest.raises(Error) as error:
            server.connect("marketing_analyst").close()
        assert "sessions of one user" in refusal(error.value)
        assert server.rows("executive", WHO) == [("executive",)]
    assert server.rows("marketing_analyst", WHO) == [("marketing_analyst",)]


def test_nothing_of_the_environment_is_in_the_process(server: Server) -> None:
    children = server.process.pid
    with open(f"/proc/{children}/environ", "rb") as file:  # noqa: PTH123 - no file of a disk
        assert CANARY.encode() not in file.read()
