"""A second computation of every mart, from the raw export and `docs/definitions.md` alone.

It shares no line with the lakehouse: Python's csv reads, DuckDB computes. Where both agree, two people who
read the same definitions came to the same figures.
"""

from tests.oracle.computation import Figures, Oracle, compute
from tests.oracle.export import Batch

__all__ = ["Batch", "Figures", "Oracle", "compute"]
