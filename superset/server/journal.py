"""The server's records of its use: user, action and time, but never the values of a question.

Superset's own journal keeps each request's content, including filters, and its log keeps each statement. Here both
keep only the action.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from superset.utils.log import AbstractEventLogger
from superset.utils.logging_configurator import LoggingConfigurator

ACTION = re.compile(r"[A-Za-z_.]{1,100}")
# Reports of a page about itself. Nobody reads them here, and they would be most of the journal.
TELEMETRY = "log"
# Loggers whose messages hold only fixed words; other loggers' lines give only the place.
MOST_ERRORS = 10
PLAIN = ("gunicorn", "alembic", "answers", "journal", "upkeep")


class Events(AbstractEventLogger):
    """Keeps user, action, numbers of dashboard and chart, time and duration."""

    def log(self, user_id: int | None, action: str, *_: Any, **stated: Any) -> None:
        """Write one row, without the content of the request."""
        from superset.extensions import db  # noqa: PLC0415 - the settings are read before
        from superset.models.core import Log  # noqa: PLC0415 - needs the settings

        if action == TELEMETRY:
            return
        known = action if ACTION.fullmatch(action) else "other"
        numbers = {name: stated.get(name) or None for name in ("dashboard_id", "slice_id")}  # 0 means none
        try:
            db.session.add(Log(action=known, user_id=user_id, duration_ms=stated.get("duration_ms"), **numbers))
            db.session.commit()
        except SQLAlchemyError:
            db.session.rollback()
            logging.getLogger(__name__).exception("An event could not be written down")


class Told(logging.Formatter):
    """A line without values: the fixed words of the code, without their arguments, and an error's kind and place."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        words = [f"{self.formatTime(record)} {record.levelname} {record.name} {record.module}:{record.lineno}"]
        if record.name.startswith(PLAIN):
            words.append(record.getMessage())
        elif record.args and isinstance(record.msg, str):
            words.append(record.msg)
        if record.exc_info and record.exc_info[1] is not None:
            words += _kinds(record.exc_info[1])
        return " ".join(words)


def _kinds(error: BaseException) -> list[str]:
    """The kind of an error and of those that led to it, each with its innermost place."""
    found: list[str] = []
    current: BaseException | None = error
    while current is not None and len(found) < MOST_ERRORS:
        place = current.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = "" if place is None else f" in {place.tb_frame.f_code.co_name}:{place.tb_lineno}"
        found.append(f"({type(current).__name__}{where})")
        current = current.__cause__ or current.__context__
    return found


class Configurator(LoggingConfigurator):
    """Sends every logger's lines to standard error, in that form."""

    def configure_logging(self, _app_config: Any, _debug_mode: bool) -> None:  # noqa: FBT001 - the order is Superset's
        """Set it up."""
        handler = logging.StreamHandler()
        handler.setFormatter(Told())
        logging.captureWarnings(capture=True)
        logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
