"""What the batches so far say of each user: the state that sign-ups, churn and the current version are counted from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from splitter.sample.catalogue import UNKNOWN_REGION
from splitter.sample.checks import ADULT, Checked

if TYPE_CHECKING:
    from splitter.sample.draws import Flags, Ints

NEVER = np.int64(2**40)
NEVER_YET = np.int64(-(2**40))


class Known:
    """What the batches so far say of each user of a block."""

    def __init__(self, users: int) -> None:
        self.seen: Flags = np.zeros(users, dtype=np.bool_)
        self.stated = np.full(users, NEVER)
        self.first_activity = np.full(users, NEVER)
        self.last_bought = np.full(users, NEVER_YET)
        self.region: Ints = np.full(users, UNKNOWN_REGION, dtype=np.int64)
        self.minor: Flags = np.zeros(users, dtype=np.bool_)
        self.churned: Flags = np.zeros(users, dtype=np.bool_)

    @property
    def sign_up(self) -> Ints:
        """The earliest stated, else the first activity."""
        return np.where(self.stated < NEVER, self.stated, self.first_activity)

    def see(self, checked: Checked, seat: int, bought_first: Ints, bought_last: Ints) -> None:
        """Takes in one batch: what it states counts for the users it observes."""
        now = checked.observed[seat]
        part = slice(seat * len(now), (seat + 1) * len(now))
        told = checked.told
        sign_up = np.where(now & checked.sign_up_valid[part], told.sign_up[part], NEVER)
        declared = now & checked.last_purchase_valid[part]
        login = np.where(now & checked.login_valid[part], told.login[part], NEVER)
        purchase = np.where(declared, told.last_purchase[part], NEVER)
        activities = (self.first_activity, sign_up, login, purchase, bought_first)
        self.stated = np.minimum(self.stated, sign_up)
        self.first_activity = np.minimum.reduce(activities)
        last_declared = np.where(declared, told.last_purchase[part], NEVER_YET)
        self.last_bought = np.maximum.reduce((self.last_bought, last_declared, bought_last))
        self._set_current(checked, seat, part, now)

    def _set_current(self, checked: Checked, seat: int, part: slice, now: Flags) -> None:
        told = checked.told
        minor = checked.age_valid[part] & (told.age[part] < ADULT)
        churned = (told.status_bad[part] == 0) & (told.status[part] == 1)
        self.region = np.where(now, checked.region_told[seat], self.region)
        self.minor = np.where(now, minor, self.minor)
        self.churned = np.where(now, churned, self.churned)
        self.seen = self.seen | now


def accepted_days(checked: Checked, accepted: Ints) -> tuple[Ints, Ints]:
    """Seat x user: first and last day of the purchases accepted from that batch."""
    place = (checked.layout.seat[accepted], checked.layout.user[accepted])
    first, last = np.full(checked.observed.shape, NEVER), np.full(checked.observed.shape, NEVER_YET)
    np.minimum.at(first, place, checked.bought.day[accepted])
    np.maximum.at(last, place, checked.bought.day[accepted])
    return first, last
