"""Pools of invented texts, drawn once from Faker and already written as CSV fields; rows only point into them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from faker import Faker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Texts = npt.NDArray[np.object_]

_ODD_COMMENTS = (
    'Größe passt, Farbe "Ozean" auch.',
    "Très bien, livré à l'heure; merci !",
    "とても良い商品です。",
    "Отлично, спасибо",
    'She said: "never again", then ordered two.',
    "¿Llegó tarde? Sí, dos días…",
    "Perfect 👍, would buy again",
    "جودة ممتازة",
    "100% cotton; 50% off = OK",
    "  spaces around  ",
)
_ODD_LINES = ("First line\nsecond line.", 'Title: "Good"\n\n- cheap\n- fast, too')
_ODD_CITIES = ("Saint-Étienne", "Łódź", "Kraków", "São Paulo", "Zürich", "Ağva")
_ODD_NAMES = ("Zoë D'Angelo", "Jürgen Müller-Weiß", "Søren Ångström", "Nguyễn Thị Hoa", 'Robert "Bob" Smith')


@dataclass(frozen=True)
class Pools:
    names: Texts
    cities: Texts
    addresses: Texts
    comments: Texts


def csv_field(text: str) -> str:
    """The text as one field of a comma-separated file with doubled quotes."""
    if any(sign in text for sign in ',"\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


def texts(values: Iterable[str]) -> Texts:
    listed = list(values)
    array: Texts = np.empty(len(listed), dtype=np.object_)
    array[:] = listed
    return array


@cache
def draw_pools(seed: int, *, multiline: bool) -> Pools:
    """A few thousand of each; line breaks only on request, since they force slow reading in Spark."""
    fake = Faker("en_US")
    fake.seed_instance(seed)
    odd_comments = _ODD_COMMENTS * 10 + (_ODD_LINES * 25 if multiline else ())
    return Pools(
        names=_pool(fake.name, 2000, _ODD_NAMES * 10),
        cities=_pool(fake.city, 2000, _ODD_CITIES * 10),
        addresses=_pool(lambda: fake.address().replace("\n", ", "), 2000, ('Flat "B", 1 Rue de l\'Église, Orléans',)),
        comments=_pool(lambda: fake.sentence(nb_words=6), 3000, odd_comments),
    )


def _pool(draw: Callable[[], str], size: int, odd: tuple[str, ...]) -> Texts:
    return texts(csv_field(text) for text in [*(draw() for _ in range(size)), *odd])
