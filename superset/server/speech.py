"""How the server says no: one sentence."""

from __future__ import annotations

from flask import Response, jsonify, request


def said(sentence: str, status: int) -> Response:
    """A sentence, for a browser that shows a page as text, else as JSON."""
    for_people = "text/html" in request.headers.get("Accept", "") and not request.path.startswith("/api/")
    answer = Response(sentence, mimetype="text/plain") if for_people else jsonify({"message": sentence})
    answer.status_code = status
    return answer
