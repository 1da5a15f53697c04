"""What a killed job left open is finished before another job writes: a half-erased person must not be published."""

from __future__ import annotations

from dataclasses import dataclass

from lib import erasure, fulfilment, requests
from lib.erasure import Receipt
from lib.lake import Lake


@dataclass(frozen=True)
class Finished:
    """The receipts of the requests that were finished, and the persons who have left the lake with them."""

    receipts: tuple[Receipt, ...]
    gone: frozenset[str]


def resume(lake: Lake, *, partial: bool = False) -> Finished:
    """Finish the lake's open requests. The caller holds the lake's lock.

    Those whose scan found something are through but for what the operator has to remove; they are scanned again only
    with `partial`.
    """
    receipts, gone = [], set()
    for request in requests.opened(lake.settings.secrets, lake.tables.root):
        if request.kind in fulfilment.KINDS:
            fulfilment.carry_out(lake, request)
        elif partial or not request.partial:
            receipts.append(erasure.carry_out(lake, request))
            gone |= set(request.subjects)
    return Finished(tuple(receipts), frozenset(gone))
