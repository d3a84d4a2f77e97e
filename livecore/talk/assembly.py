"""How comments and likes are put together."""

from dataclasses import dataclass

from livecore.attention import Attention
from livecore.mentions import Mentions
from livecore.ports import Clock, Database, Directory, Discussed, Limiter, Notifier, Relations
from livecore.talk.comments import Comments
from livecore.talk.likes import Likes
from livecore.talk.rows import TalkRows


@dataclass(frozen=True)
class Engines:
    db: Database
    clock: Clock
    relations: Relations
    directory: Directory
    limiter: Limiter
    attention: Attention
    notifier: Notifier
    mentions: Mentions


class TalkParts:
    """`kinds`: what is talked about, by kind; filled in by `app` as their owners are built."""

    def __init__(self, e: Engines) -> None:
        self.kinds: dict[str, Discussed] = {}
        self.rows = TalkRows(e.db, self.kinds)
        self.comments = Comments(e.db, e.clock, self.kinds, e.relations, e.directory, e.limiter, e.attention, e.notifier, e.mentions)
        self.likes = Likes(e.db, e.clock, self.kinds, e.relations, e.directory, e.attention, e.notifier)
