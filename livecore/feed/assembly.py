"""How the feed is put together."""

from collections.abc import Sequence
from dataclasses import dataclass

from livecore.feed.choices import Choices
from livecore.feed.post_source import PostFeed
from livecore.feed.posts import Posts
from livecore.feed.search import Search
from livecore.feed.service import Feed
from livecore.feed.shares import Shares
from livecore.feed.viewed import ViewedPosts
from livecore.mentions import Mentions
from livecore.ports import (
    Clock,
    CreatorQuality,
    Database,
    Directory,
    FeedSource,
    Followed,
    Relations,
    ShareGate,
    Talk,
    ViewRows,
    WatchHistory,
)


@dataclass(frozen=True)
class Engines:
    db: Database
    clock: Clock
    relations: Relations
    directory: Directory
    followed: Followed
    history: WatchHistory
    creators: CreatorQuality
    mentions: Mentions
    images: ShareGate
    videos: ShareGate
    talk: Talk
    views: ViewRows
    sources: Sequence[FeedSource]
    shared: bool


class FeedParts:
    def __init__(self, e: Engines) -> None:
        posts = PostFeed(e.db)
        sources = [posts, *e.sources]
        self.shares = Shares(e.db, e.clock)
        self.posts = Posts(e.db, e.clock, e.relations, e.directory, e.mentions, e.images, e.videos, e.talk, e.views)
        self.viewed = ViewedPosts(e.db, self.posts)
        self.choices = Choices(e.db, e.clock, e.relations, e.directory, shared=e.shared)
        self.feed = Feed(e.relations, e.directory, e.followed, self.choices, e.history, e.creators, e.clock, sources)
        self.post_feed = Feed(e.relations, e.directory, e.followed, self.choices, e.history, e.creators, e.clock, [posts], ranked=False)
        self.search = Search(e.db, e.relations, self.feed)
