"""Superset's error messages: one sentence as JSON, never its own error page, never a trace.

If a client does not ask for JSON, Superset's own handlers answer with an HTML page that loads a font from another
server. They also treat an unreadable question as a failure of the server.
"""

from __future__ import annotations

import html
import json
import logging
import re
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import firewall
from flask import Flask, Response, g, request
from sqlalchemy.exc import ArgumentError, CompileError, DataError, InterfaceError, InvalidRequestError

logger = logging.getLogger(__name__)
API = ("/api/", "/superset/explore_json", "/lang/")
# Errors that an unforeseen value in a request to the API can cause.
IN_THE_QUESTION = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError),
    *(NotImplementedError, RecursionError),
    *(ArgumentError, CompileError, DataError, InterfaceError, InvalidRequestError),
)
OF_AN_ERROR = ("message", "error_type", "level", "extra")
UNREADABLE = "This question cannot be read."
LONGEST = 300
FROM_THE_ENDPOINT = re.compile(r"TStatus\(|SQLSTATE|Query error|errorMessage")
FIELD = re.compile(r"['\"]([a-z_]+)['\"]: ")
KIND = re.compile(r"\[([A-Z][A-Z_.]+)\]")
REFUSED = re.compile(r"Refused: ([^\n\"\\]*)")
PAGE = "<!doctype html><html lang=en><title>Lakehouse</title><p>{} <a href=/dashboard/list/>Dashboards</a></p></html>"


def change(app: Flask) -> None:
    """Change an application's answers. Call it after Superset has set its own handlers, because it replaces them."""
    from superset.views import error_handling  # noqa: PLC0415 - needs the settings

    their_own = error_handling.set_app_error_handlers

    def set_handlers(application: Flask) -> None:
        their_own(application)
        application.register_error_handler(Exception, unexpected)
        application.register_error_handler(firewall.Refused, refused)

    error_handling.set_app_error_handlers = set_handlers
    app.before_request(_prefer_json)
    app.after_request(tidied)
    app.before_request(_without_languages)


def _prefer_json() -> None:
    """A client that does not name HTML, as browsers do, gets the answer for programs."""
    if request.path.startswith(API) or "text/html" not in request.headers.get("Accept", ""):
        request.environ["HTTP_ACCEPT"] = "application/json"


def _without_languages() -> Response | None:
    """There is only one language to choose; Superset's route fails on every choice."""
    return _answer(HTTPStatus.NOT_FOUND, "There is no other language.") if request.path.startswith("/lang/") else None


def refused(error: firewall.Refused) -> Response:
    """The answer for a statement that must not be sent."""
    return _answer(HTTPStatus.BAD_REQUEST, str(error))


def unexpected(error: Exception) -> Response:
    """An unforeseen error: the question's fault if there was one and values can cause this kind of error."""
    steps = [f"{Path(step.filename).name}:{step.lineno}" for step in traceback.extract_tb(error.__traceback__)]
    # The place of the error only: its text may hold values.
    logger.error("%s at %s: %s", type(error).__name__, request.url_rule, " ".join(steps[-8:]))
    if _asks() and request.path.startswith(API) and isinstance(error, IN_THE_QUESTION):
        return _answer(HTTPStatus.BAD_REQUEST, UNREADABLE)
    g.has_failed = True
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed; its log says where.")


def _asks() -> bool:
    """Whether a request holds values."""
    return bool(request.content_length or request.query_string)


def tidied(response: Response) -> Response:
    """An error as one sentence: JSON, or a plain page for a browser."""
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return response
    if _is_of_a_value(response):
        logger.error("A handler failed at %s", request.url_rule)
        return _answer(HTTPStatus.BAD_REQUEST, UNREADABLE)
    stated = response.get_json(silent=True) if response.is_json else None
    if isinstance(stated, dict):
        return _shortened(response, stated)
    is_shipped = response.mimetype == "text/html" and response.direct_passthrough
    return _answer(response.status_code, f"{_phrase(response.status_code)}.") if is_shipped else response


def _is_for_a_viewer() -> bool:
    """Whether the answer is for anybody but the administrator."""
    return bool(g.get("is_viewer", True))


def _is_of_a_value(response: Response) -> bool:
    """Whether a handler of Superset took a viewer's values for a failure; `unexpected` decides what is a failure."""
    is_failure = response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR and not g.get("has_failed")
    return is_failure and _asks() and _is_for_a_viewer()


def _shortened(response: Response, stated: Mapping[str, Any]) -> Response:
    errors = [error for error in stated.get("errors") or () if isinstance(error, dict)]
    said = [*(stated.get(name) for name in ("message", "error", "msg")), *(error.get("message") for error in errors)]
    text = sentence(next((text for text in said if isinstance(text, str)), _phrase(response.status_code)))
    for error in errors:
        error.update(message=text, extra={})
    kept = _for_a_viewer(errors) if _is_for_a_viewer() else stated
    response.set_data(json.dumps({**kept, "message": text}))
    return response


def _for_a_viewer(errors: list[dict[str, Any]]) -> dict[str, Any]:
    """Only the kind of an error, beside the sentence."""
    return (
        {"errors": [{name: error[name] for name in OF_AN_ERROR if name in error} for error in errors]} if errors else {}
    )


def sentence(text: str) -> str:
    """A message in one sentence, without the values that were sent."""
    if FROM_THE_ENDPOINT.search(text):
        refusal, kind = REFUSED.search(text), KIND.search(text)
        if refusal:
            return f"The SQL endpoint refused this question: {refusal[1].strip(' .')[:LONGEST]}."
        return f"The SQL endpoint could not answer this question{f' ({kind[1]})' if kind else ''}."
    if text.startswith("Request is incorrect") and (fields := FIELD.findall(text)):
        return f"This question cannot be read: its {fields[-1]} is not as it must be."
    first = " ".join(text.removeprefix("Error: ").split()).partition(". ")[0][:LONGEST]
    return f"{first.rstrip('.')}."


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def _answer(status: int, text: str) -> Response:
    page = "text/html" in request.headers.get("Accept", "") and not request.path.startswith(API)
    body = PAGE.format(html.escape(text)) if page else json.dumps({"message": text})
    return Response(body, status, mimetype="text/html" if page else "application/json")
