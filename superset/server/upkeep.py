"""Superset's records of its use are removed after their period: at each start and every ten minutes while it runs.

| what | period |
|---|---|
| journal of who did what (`logs`) | 90 days |
| filters that a user has set (`key_value`, sealed) | a day after their last use |
| links to a state, statements of the administrator (`key_value`, `query`) | 30 days |
| results in files | 5 minutes; in Redis as well |
| logins that are open (`lakehouse_marks`: keyed hashes) | 8 hours |
| failed attempts to log in (likewise) | an hour |
| earlier logins from an address (likewise) | 30 days |
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import threading
import time
from base64 import urlsafe_b64encode
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from flask import Flask
from sqlalchemy import or_
from sqlalchemy.exc import SQLAlchemyError
from store import store

SECONDS_BETWEEN = 600
DAYS_OF_EVENTS = 90
DAYS_OF_LINKS = 30


class Sealed:
    """Encrypts a user's settings under a key that is stored apart from the database."""

    def __init__(self, key: bytes) -> None:
        self._box = Fernet(urlsafe_b64encode(key))

    def encode(self, value: Any) -> bytes:
        """The value as it is stored."""
        return self._box.encrypt(json.dumps(value).encode())

    def decode(self, value: bytes) -> Any:
        """The value; None if it was not written under this key."""
        try:
            return json.loads(self._box.decrypt(value))
        except InvalidToken:
            return None


def begin(app: Flask) -> None:
    """Remove expired records in the background, as long as the process lives."""
    threading.Thread(target=_for_ever, args=(app,), name="upkeep", daemon=True).start()


def _for_ever(app: Flask) -> None:
    while True:
        try:
            with app.app_context():
                tidy()
        except (SQLAlchemyError, OSError):
            logging.getLogger(__name__).exception("Expired records could not be removed; trying again later")
        time.sleep(SECONDS_BETWEEN)


def tidy() -> None:
    """Remove expired records."""
    from superset.extensions import cache_manager, db  # noqa: PLC0415 - the settings are read before

    for rows in _over(db.session):
        rows.delete(synchronize_session=False)
    _empty_events(db.session)
    db.session.commit()
    store().forget_expired()
    forget = getattr(cache_manager.data_cache.cache, "forget_expired", None)
    if forget is not None:
        forget()


def _over(session: Any) -> list[Any]:
    """The rows whose period is over. Superset writes some times in UTC and some in the server's local time."""
    from superset.key_value.models import KeyValueEntry  # noqa: PLC0415 - the settings are read before
    from superset.models.core import Log  # noqa: PLC0415 - needs the settings
    from superset.models.sql_lab import Query  # noqa: PLC0415 - needs the settings

    now = dt.datetime.now()  # noqa: DTZ005 - as Superset does
    links = now - dt.timedelta(days=DAYS_OF_LINKS)
    entries = session.query(KeyValueEntry)
    return [
        session.query(Log).filter(Log.dttm < now - dt.timedelta(days=DAYS_OF_EVENTS)),
        entries.filter(KeyValueEntry.expires_on < now),
        entries.filter(KeyValueEntry.resource.like("%permalink"), KeyValueEntry.created_on < links),
        session.query(Query).filter(Query.changed_on < links),
    ]


def _empty_events(session: Any) -> None:
    """Remove the values from events that were written before the journal left them out."""
    from superset.models.core import Log  # noqa: PLC0415 - the settings are read before

    full = session.query(Log).filter(or_(Log.json.isnot(None), Log.referrer.isnot(None)))
    full.update({Log.json: None, Log.referrer: None}, synchronize_session=False)
