"""Jobs that may die at any moment, and whether the same command repairs the lake that their death has left."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deltalake.exceptions import DeltaError
from pyarrow import ArrowException

from lib.delta.base import OPERATION
from lib.errors import LakehouseError
from tests.e2e.lakes import Ending
from tests.reliability.conftest import NEXT, Content, Shop
from tests.reliability.damage import tree

RETENTION_DAY = "2040-01-01"  # on which everybody's period has ended


@dataclass(frozen=True)
class Job:
    """A job by its command line, and whether it begins on a lake at all."""

    name: str
    options: Callable[[Shop], tuple[str, ...]]
    on_a_lake: bool = True

    def carry_out(self, shop: Shop) -> Ending:
        """Run it on this process's session."""
        return shop.job(*self.options(shop))


JOBS = (
    Job("load", lambda shop: shop.loading(0), on_a_lake=False),
    Job("increment", lambda shop: shop.loading(3)),
    Job("rebuild", lambda _: ("pipeline", "--rebuild")),
    Job("replay", lambda _: ("replay_quarantine",)),
    Job("rollback", lambda shop: ("rollback", "--to", run_before(shop))),
    Job("erasure", lambda shop: shop.erasing(NEXT)),
    Job("retention", lambda _: ("enforce_retention", "--as-of", RETENTION_DAY, "--grace", "0")),
    Job("rotation", lambda _: ("rotate_key", "--grace", "0")),
    Job("maintenance", lambda _: ("maintain", "--grace", "0")),
)


def run_before(shop: Shop) -> str:
    """The run whose publication is the one before that of the start."""
    return sorted((shop.lake / "publications").glob("*.json"))[-2].stem


@dataclass(frozen=True)
class Undisturbed:
    """An undisturbed job: what people read before and after it, and the rows that the lake then holds."""

    job: Job
    start: Path | None
    before: Content
    after: Content
    held: Mapping[str, int]

    @classmethod
    def of(cls, shop: Shop, job: Job, start: Path) -> Undisturbed:
        begun = start if job.on_a_lake else None
        shop.begin(begun)
        before = shop.told_or_nothing()
        done = job.carry_out(shop)
        assert done.code == 0, done.err
        return cls(job, begun, before, shop.told(), shop.held())


@dataclass
class Deaths:
    """Judges lakes that the death of a job has left in the shop's place.

    A lake that comes to be byte for byte like an earlier one, once it has been opened, would be carried on in the same
    way; only the first of them is.
    """

    shop: Shop
    expected: Undisturbed
    died: int = 0
    wrong: list[str] = field(default_factory=list)
    _outcomes: dict[str, str] = field(default_factory=dict)

    def judge(self, name: str, *, published: bool = False) -> None:
        """Run the same command on what is there, and see that nothing shows that the first one died.

        If it had said that it `published`, nobody may read what was before.
        """
        self.died += 1
        self.shop.forget()
        if said := self._judged([self.expected.after] if published else [self.expected.before, self.expected.after]):
            self.wrong.append(f"{name}: {said}")

    def __str__(self) -> str:
        return (
            f"{self.expected.job.name}: {self.died} deaths, {len(self._outcomes)} different lakes carried on, "
            f"{len(self.wrong)} wrong"
        )

    def _judged(self, read_rightly: list[Content]) -> str:
        if (self.shop.lake / "published.json").exists():
            try:
                read = self.shop.told_or_nothing()
            except (OSError, ValueError, ArrowException, DeltaError) as error:
                return f"a reader cannot read: {error}"
            if read not in read_rightly:
                return "a reader sees neither the old nor the new, or the old after the new"
        try:
            opened = self.shop.open()
        except LakehouseError as error:
            return str(error)
        if opened.base.damages:
            return f"damaged: {opened.base.damages}"
        lake = settled(self.shop.place)
        if lake not in self._outcomes:
            self._outcomes[lake] = self._carried_on()
        return self._outcomes[lake]

    def _carried_on(self) -> str:
        again = self.expected.job.carry_out(self.shop)
        if again.code != 0:
            return again.last_line
        if self.shop.told() != self.expected.after:
            return "other content"
        held = self.shop.held()
        if held != self.expected.held:
            return f"other rows: {sorted(set(held.items()) ^ set(self.expected.held.items()))}"
        return f"damaged: {opened}" if (opened := self.shop.open().base.damages) else ""


def settled(place: Path) -> str:
    """All files' names and content, without the time of a commit that changes nothing."""
    digest = hashlib.sha256()
    void = f'"operation": "{OPERATION}"'.encode()
    for name, content in sorted(tree(place).items()):
        digest.update(name.encode() + b"\0")
        digest.update(b"void" if void in content and "/_delta_log/" in name else content)
    return digest.hexdigest()
