"""The users of a block, and the state of each user at the extract day of each batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from splitter.sample.catalogue import (
    CHANNEL_WEIGHTS,
    COUNTRIES_UNKNOWN,
    COUNTRY_WEIGHTS,
    SEGMENTS_OUTSIDE,
    STATUSES_OUTSIDE,
)
from splitter.sample.layout import CHANGED, MOVED, REPEAT, Layout, between
from splitter.sample.plan import EVERY_USER, Plan
from splitter.sample.purchases import kinds, spoiled_days

if TYPE_CHECKING:
    from splitter.sample.draws import Flags, Ints

AGES_OUT = ("150", "12", "-3", "14", "4", "111", "0", "7", "")
SEGMENT_CARD = len(SEGMENTS_OUTSIDE) + 1
INACTIVE_DAYS = 90
FREQUENT_FROM, MONTHLY_FROM, YEARLY_FROM = 5, 8, 3  # purchases
HIGH_VALUE_PERCENT, WRONG_STATUS_PERCENT = 22, 4
_LOGIN_GAP = (0, 0, 1, 2, 4, 8, 15, 30, 60, 120, 300)
_AGES = tuple([4, 6, 9] + [30] * 7 + [48] * 10 + [42] * 10 + [30] * 10 + [20] * 10 + [12] * 10 + [4] * 12)  # from 15


@dataclass(frozen=True)
class People:
    """The unchanging attributes of users. One value per user."""

    gender: Ints
    card: Ints
    text: Ints  # the place in the pools
    login_gap: Ints


@dataclass(frozen=True)
class Stories:
    """An export's statements about a user: one value per seat and user, flat. `*_bad` as in Purchases."""

    sign_up: Ints
    sign_up_bad: Ints
    last_purchase: Ints
    last_purchase_bad: Ints
    login: Ints
    login_bad: Ints
    age: Ints
    age_bad: Ints
    country: Ints
    country_bad: Ints
    channel: Ints
    segment: Ints
    segment_bad: Ints
    status: Ints
    status_bad: Ints
    frequency: Ints
    total: Ints
    spoiled: Flags  # any defect planted


def people(plan: Plan, layout: Layout) -> People:
    dice, users = plan.dice, layout.users
    return People(
        gender=dice.below("gender", users, 2),
        card=dice.below("card", users, 10**9),
        text=dice.below("text", users, 2**30),
        login_gap=between(_LOGIN_GAP, dice.below("login_gap", users, 1000)),
    )


def stories(plan: Plan, layout: Layout, people: People, days: Ints) -> Stories:
    last, total = _history(layout, days)
    extract = np.repeat(layout.extracts, len(layout.users))
    index = (np.repeat(np.asarray(layout.batches, dtype=np.int64), len(layout.users)) << 40) + _tiled(
        layout, layout.users
    )
    planted = {defect: plan.dice.planted(defect, index, plan.every(defect)) for defect in EVERY_USER}
    sign_up, sign_up_bad = spoiled_days(_tiled(layout, layout.sign_up), planted["sign_up_date_invalid"], extract)
    last_purchase, last_bad = spoiled_days(last, planted["last_purchase_invalid"], extract)
    logged_in = np.minimum(last + _tiled(layout, people.login_gap), extract)
    login, login_bad = spoiled_days(logged_in, planted["last_login_invalid"], extract)
    segment_bad = kinds(planted["segment_outside"], len(SEGMENTS_OUTSIDE))
    return Stories(
        sign_up=sign_up,
        sign_up_bad=sign_up_bad,
        last_purchase=last_purchase,
        last_purchase_bad=last_bad,
        login=login,
        login_bad=login_bad,
        age=_ages(plan, layout),
        age_bad=kinds(planted["age_out_of_range"], len(AGES_OUT)),
        country=_countries(plan, layout),
        country_bad=kinds(planted["country_unknown"], len(COUNTRIES_UNKNOWN)),
        channel=_channels(plan, layout),
        segment=_segments(plan, layout, total),
        segment_bad=np.where(planted["card_in_segment"] > 0, SEGMENT_CARD, segment_bad),
        status=_statuses(plan, layout, extract - last),
        status_bad=kinds(planted["status_outside"], len(STATUSES_OUTSIDE)),
        frequency=np.where(total >= MONTHLY_FROM, 0, np.where(total >= YEARLY_FROM, 1, 2)).astype(np.int64),
        total=total,
        spoiled=np.logical_or.reduce([turns > 0 for turns in planted.values()]),
    )


def _tiled(layout: Layout, values: Ints) -> Ints:
    return np.tile(values, len(layout.batches))


def _history(layout: Layout, days: Ints) -> tuple[Ints, Ints]:
    """Last purchase and number of purchases up to each seat, as a shop without defects would state them."""
    shape = (len(layout.batches), len(layout.users))
    last = np.tile(layout.sign_up, (shape[0], 1))
    total = np.zeros(shape, dtype=np.int64)
    bought = layout.kind != REPEAT
    np.maximum.at(last, (layout.seat[bought], layout.user[bought]), days[bought])
    np.add.at(total, (layout.seat[bought], layout.user[bought]), 1)
    return np.maximum.accumulate(last, axis=0).ravel(), np.cumsum(total, axis=0).ravel()


def _changes(layout: Layout, kind: int) -> Ints:
    """The number of changes of this kind of each user up to each seat, flat."""
    changed = np.zeros((len(layout.batches), len(layout.users)), dtype=np.int64)
    rows = layout.kind == kind
    np.add.at(changed, (layout.seat[rows], layout.user[rows]), 1)
    return np.cumsum(changed, axis=0).ravel()


def _countries(plan: Plan, layout: Layout) -> Ints:
    """A user who moves draws again."""
    return plan.dice.pick(
        "country", _tiled(layout, layout.users) + (_changes(layout, MOVED) << 40), list(COUNTRY_WEIGHTS)
    )


def _channels(plan: Plan, layout: Layout) -> Ints:
    index = _tiled(layout, layout.users) + (_changes(layout, CHANGED) << 40)
    return plan.dice.pick("channel", index, CHANNEL_WEIGHTS)


def _ages(plan: Plan, layout: Layout) -> Ints:
    """A change also corrects the age, some years up, which often means another age band."""
    drawn = 15 + plan.dice.pick("age", layout.users, _AGES)
    age: Ints = np.minimum(_tiled(layout, drawn) + 4 * _changes(layout, CHANGED), 110)
    return age


def _segments(plan: Plan, layout: Layout, total: Ints) -> Ints:
    index = _tiled(layout, layout.users) + (_changes(layout, CHANGED) << 40)
    high_value = plan.dice.below("segment", index, 100) < HIGH_VALUE_PERCENT
    return np.where(high_value, 1, np.where(total >= FREQUENT_FROM, 0, 2)).astype(np.int64)


def _statuses(plan: Plan, layout: Layout, idle: Ints) -> Ints:
    """Churned after some months without a purchase; the shop is not always right about it."""
    wrong = plan.dice.below("status", _tiled(layout, layout.users), 100) < WRONG_STATUS_PERCENT
    churned: Flags = idle > INACTIVE_DAYS
    return np.not_equal(churned, wrong).astype(np.int64)
