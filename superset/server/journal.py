"""What the server writes down about its use: who did what when, and never the values that a question held.

Superset's own journal keeps each request's content, filters and all, and its log each statement. Both are told here to
keep the act alone.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from superset.utils.log import AbstractEventLogger
from superset.utils.logging_configurator import LoggingConfigurator

ACTION = re.compile(r"[A-Za-z_.]{1,100}")
# What a page reports of itself. Nobody reads it here, and it is most of what would be kept.
TELEMETRY = "log"
# Loggers whose messages are their makers' own words alone; of the others only the place is told.
MOST_ERRORS = 10
PLAIN = ("gunicorn", "alembic", "answers", "journal", "upkeep")


class Events(AbstractEventLogger):
    """Keeps user, action, numbers of dashboard and chart, time and duration."""

    def log(self, user_id: int | None, action: str, *_: Any, **stated: Any) -> None:
        """Write one row, whatever the request held."""
        from superset.extensions import db  # noqa: PLC0415 - the settings are read before
        from superset.models.core import Log  # noqa: PLC0415 - needs the settings

        if action == TELEMETRY:
            return
        known = action if ACTION.fullmatch(action) else "other"
        numbers = {name: stated.get(name) or None for name in ("dashboard_id", "slice_id")}  # 0 is none
        try:
            db.session.add(Log(action=known, user_id=user_id, duration_ms=stated.get("duration_ms"), **numbers))
            db.session.commit()
        except SQLAlchemyError:
            db.session.rollback()
            logging.getLogger(__name__).exception("An event could not be written down")


class Told(logging.Formatter):
    """A line without values: the words of the code, never what is put into them, and of an error its kind and place."""

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
    """Sends every logger's lines to the standard error, in that form."""

    def configure_logging(self, _app_config: Any, _debug_mode: bool) -> None:  # noqa: FBT001 - the order is Superset's
        """Set it up."""
        handler = logging.StreamHandler()
        handler.setFormatter(Told())
        logging.captureWarnings(capture=True)
        logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
