"""Periods of retention: ISO 8601 durations of years, months and days, such as P3Y or P90D."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass

FORM = re.compile(r"P(?=\d)(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})D)?\Z")
MONTHS = 12
WORDS = {
    "en": (("year", "years"), ("month", "months"), ("day", "days")),
    "fr": (("an", "ans"), ("mois", "mois"), ("jour", "jours")),
}


@dataclass(frozen=True)
class Duration:
    """A number of years, months and days."""

    years: int = 0
    months: int = 0
    days: int = 0

    def before(self, day: dt.date) -> dt.date:
        """The day that lies this long before `day`; in a shorter month, its last day."""
        months = day.year * MONTHS + day.month - 1 - self.years * MONTHS - self.months
        year, month = months // MONTHS, months % MONTHS + 1
        last = calendar.monthrange(year, month)[1]
        return dt.date(year, month, min(day.day, last)) - dt.timedelta(days=self.days)

    def text(self, language: str) -> str:
        """In words: `3 years`, `90 jours`."""
        parts = zip((self.years, self.months, self.days), WORDS[language], strict=True)
        return " ".join(f"{count} {words[count > 1]}" for count, words in parts if count)


def parse(text: str) -> Duration | None:
    """The duration in the text; None if it holds none, or one of length zero."""
    match = FORM.match(text)
    if match is None:
        return None
    years, months, days = (int(part or 0) for part in match.groups())
    return Duration(years, months, days) if years or months or days else None
