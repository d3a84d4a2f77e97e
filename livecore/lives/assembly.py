"""How lives are put together."""

from dataclasses import dataclass

from livecore.attention import Attention
from livecore.config import Settings
from livecore.links import MediaLinks
from livecore.lives.announcing import Announcing
from livecore.lives.discovery import LiveDiscovery
from livecore.lives.feed_source import LiveFeed
from livecore.lives.meetings import PrivateLives
from livecore.lives.moderation import Moderation
from livecore.lives.playback import Playback
from livecore.lives.publications import Publications
from livecore.lives.rights import MediaRights
from livecore.lives.service import Lives
from livecore.lives.standing import Standing
from livecore.lives.viewed import ViewedLives
from livecore.ports import (
    Activity,
    Bus,
    Clock,
    Database,
    Directory,
    Followers,
    FollowGraph,
    Jobs,
    Keys,
    Limiter,
    LiveRooms,
    MediaControl,
    Neighbours,
    Notifier,
    Relations,
    Signals,
    Traits,
    ViewRows,
)


@dataclass(frozen=True)
class Engines:
    db: Database
    keys: Keys
    bus: Bus
    clock: Clock
    jobs: Jobs
    limiter: Limiter
    settings: Settings
    links: MediaLinks
    relations: Relations
    directory: Directory
    activity: Activity
    signals: Signals
    notifier: Notifier
    media: MediaControl
    rooms: LiveRooms
    traits: Traits
    follows: FollowGraph
    followers: Followers
    neighbours: Neighbours
    views: ViewRows
    shared: bool


class LiveParts:
    def __init__(self, e: Engines) -> None:
        self.publications = Publications(e.db, e.clock, e.relations, e.directory, e.settings.publish_token_s)
        self.lives = Lives(
            e.db,
            e.clock,
            e.relations,
            e.directory,
            e.signals,
            e.limiter,
            e.activity,
            e.media,
            e.rooms,
            Standing(e.bus, e.clock, shared=e.shared),
            self.publications,
            e.views,
        )
        self.moderation = Moderation(e.db, e.clock, e.directory, e.signals, e.media, self.lives)
        self.discovery = LiveDiscovery(e.db, e.clock, self.lives, e.relations, e.directory, e.rooms, e.traits, e.follows, e.neighbours)
        self.announcing = Announcing(
            e.db, e.clock, e.jobs, e.relations, Attention(e.relations, e.directory, e.neighbours), e.followers, e.notifier
        )
        self.private = PrivateLives(e.db, e.clock, self.lives)
        self.playback = Playback(self.lives, e.links, e.clock)
        self.rights = MediaRights(e.links, e.keys, e.clock, e.settings)
        self.feed_source = LiveFeed(e.db)
        self.viewed = ViewedLives(e.db, e.clock, self.lives)
