"""The limits on the size and number of requests, and the text of an error; no server is started."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lib.dashboards.servers import SERVER, VENV

LARGEST = 2**63 - 1
SETTINGS = "LAKEHOUSE_SECRETS", "LAKEHOUSE_SUPERSET_HOME"
# An application with prescribed answers, and with the server's additions to Superset.
APPLICATION = """
import json, sys
import answers, bounds
from flask import Flask, g, jsonify, request
app = Flask("test")
bounds.change(app)
app.before_request(answers._prefer_json)
app.after_request(answers.tidied)
app.register_error_handler(Exception, answers.unexpected)
@app.before_request
def admit():
    g.is_viewer = "administrator" not in request.headers
    return bounds.of_a_viewer("anna") if g.is_viewer else None
@app.route("/api/v1/<path:rest>", methods=["GET", "POST"])
def answer(rest):
    if rest == "fails":
        raise NotImplementedError(request.args["q"])
    if rest == "breaks":
        raise OSError("no place on the disk")
    if rest == "swallows":
        return jsonify(message="a value"), 500
    if rest == "stumbles":
        said = [{"message": "no: a value", "error_type": "X", "level": "error", "extra": {"v": 1}, "w": 2}]
        return jsonify(errors=said, error="a value", msg="a value", trace="a value"), 400
    return jsonify(size=len(request.get_data()))
client = app.test_client()
"""


def _ran(code: str, folder: Path) -> Any:
    done = subprocess.run(
        [str(VENV / "bin/python"), "-c", code],
        env={"PYTHONPATH": str(SERVER), **dict.fromkeys(SETTINGS, str(folder))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "a value" not in done.stderr
    return json.loads(done.stdout)


def _asked(folder: Path, *asked: str) -> Any:
    found = "".join(f"found.append(client.{each})\n" for each in asked)
    code = f"{APPLICATION}found = []\n{found}print(json.dumps([[a.status_code, a.get_json()] for a in found]))"
    return _ran(code, folder)


def _fault(folder: Path, path: str, q: str) -> Any:
    return _ran(f"import json, bounds; print(json.dumps(bounds.fault({path!r}, {q!r})))", folder)


@pytest.mark.parametrize(
    ("path", "q", "said"),
    [
        (f"/api/v1/dashboard/{LARGEST}", f"!({LARGEST})", ""),
        (f"/api/v1/dashboard/{LARGEST + 1}", "", "it holds a number that is too large"),
        ("/api/v1/dashboard/" + "9" * 5000, "", "it holds a number that is too large"),
        ("/api/v1/dashboard/", f"!({LARGEST + 1})", "it holds a number that is too large"),
        ("/api/v1/dashboard/", "(page:" + "!(" * 19 + ")" * 20, ""),
        ("/api/v1/dashboard/", "(page:" + "!(" * 20 + ")" * 21, "it has too many brackets"),
    ],
)
def test_an_address_that_cannot_be_looked_up_is_refused(tmp_path: Path, path: str, q: str, said: str) -> None:
    assert _fault(tmp_path, path, q) == said


@pytest.mark.parametrize(
    ("q", "can_be_read"),
    [
        ("!((timeRange:'Last quarter'))", True),
        ("'DATEADD(DATETIME(\"2024-02-01T00:00:00\"), -1, month) : now'", True),
        ('\'HOLIDAY("x", DATETIME("now"), "France") : now\'', False),
        ('[{"timeRange": "Last 99999 years"}]', False),
    ],
)
def test_a_time_range_that_takes_long_is_not_looked_up(tmp_path: Path, q: str, can_be_read: bool) -> None:  # noqa: FBT001 - a parameter of the test
    code = f"import json, bounds; print(json.dumps(bounds.is_period({q!r})))"
    assert _ran(code, tmp_path) == can_be_read


def test_a_viewer_sends_less_than_the_administrator(tmp_path: Path) -> None:
    post = "post('/api/v1/x', data='x' * {}, headers={})".format
    nobody: dict[str, str] = {}
    administrator = {"administrator": "yes"}
    found = _asked(tmp_path, post(100_000, nobody), post(100_001, nobody), post(200_000, administrator))
    assert found == [
        [200, {"size": 100_000}],
        [413, {"message": "This question cannot be read: it is too large."}],
        [200, {"size": 200_000}],
    ]


def test_a_long_question_is_refused(tmp_path: Path) -> None:
    assert _asked(tmp_path, "get('/api/v1/x?q=' + 'x' * 2000)", "get('/api/v1/x?q=' + 'x' * 2001)") == [
        [200, {"size": 0}],
        [400, {"message": "This question cannot be read: it is too long."}],
    ]


def test_no_value_that_was_sent_is_a_failure_of_the_server(tmp_path: Path) -> None:
    unreadable = [400, {"message": "This question cannot be read."}]
    asked = [f"get('/api/v1/{path}?q=1')" for path in ("fails", "swallows", "breaks")]
    assert _asked(tmp_path, *asked, "get('/api/v1/swallows')") == [
        unreadable,
        unreadable,
        [500, {"message": "The server failed; its log says where."}],
        [500, {"message": "a value."}],
    ]


def test_an_error_says_a_viewer_its_sentence_and_its_kind(tmp_path: Path) -> None:
    said = {"message": "a value.", "error_type": "X", "level": "error", "extra": {}}
    assert _asked(tmp_path, "get('/api/v1/stumbles')") == [[400, {"message": "a value.", "errors": [said]}]]


def test_five_questions_are_answered_some_wait_and_the_rest_is_refused(tmp_path: Path) -> None:
    code = """
import json, threading, time
import bounds
places, found = bounds.Places(answered=5, waiting=9, seconds=60), []
first = [places.take("anna") for _ in range(5)]
def ask():
    found.append(places.take("anna"))
    places.leave("anna")
threads = [threading.Thread(target=ask) for _ in range(9)]
for thread in threads:
    thread.start()
while places.queued["anna"] < 9:
    time.sleep(0.01)
refused, other = places.take("anna"), places.take("bert")
for _ in range(5):
    places.leave("anna")
for thread in threads:
    thread.join()
places.leave("bert")
print(json.dumps([first, refused, other, found, places.taken, places.queued]))
"""
    assert _ran(code, tmp_path) == [[True] * 5, False, True, [True] * 9, {}, {}]


def test_who_waits_too_long_is_refused(tmp_path: Path) -> None:
    code = """
import json, bounds
places = bounds.Places(answered=1, waiting=1, seconds=0.01)
print(json.dumps([places.take("anna"), places.take("anna")]))
"""
    assert _ran(code, tmp_path) == [True, False]


def test_a_place_is_given_back_whatever_became_of_the_question(tmp_path: Path) -> None:
    asked = ["post('/api/v1/chart/data', data='{}')"] * 12
    found = _asked(tmp_path, *asked)
    assert [status for status, _ in found] == [200] * 12


def test_half_a_letter_is_in_no_name_and_no_password(tmp_path: Path) -> None:
    stated = "[('anna', 'pass'), ('an\\0na', 'pass'), ('anna', '\\ud800'), (1, 'pass')]"
    code = f"import attempts, json; print(json.dumps([attempts.are_texts(*each) for each in {stated}]))"
    assert _ran(code, tmp_path) == [True, False, False, False]
