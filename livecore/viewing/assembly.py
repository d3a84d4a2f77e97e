"""How views are put together."""

from dataclasses import dataclass

from livecore.ports import Clock, Database, Directory, Viewed
from livecore.viewing.rows import Rows
from livecore.viewing.shared_audience import SharedAudience
from livecore.viewing.views import Views


@dataclass(frozen=True)
class Engines:
    db: Database
    clock: Clock
    directory: Directory


class ViewingParts:
    """`kinds`: what is watched, by kind; filled in by `app` as their owners are built."""

    def __init__(self, e: Engines) -> None:
        self.kinds: dict[str, Viewed] = {}
        self.rows = Rows()
        self.views = Views(e.db, e.clock, self.kinds, e.directory)
        self.audience = SharedAudience(e.db, e.clock)
