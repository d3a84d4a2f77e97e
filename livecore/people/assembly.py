"""How people are put together."""

from dataclasses import dataclass

from livecore.attention import Attention
from livecore.config import Settings
from livecore.people.blocks import Blocks
from livecore.people.contacts import Contacts
from livecore.people.discovery import Discovery
from livecore.people.follows import Follows
from livecore.people.friend_links import FriendLinks
from livecore.people.meetings import Meetings
from livecore.people.relations import RelationStore
from livecore.people.service import People
from livecore.ports import (
    Activity,
    Clock,
    Database,
    Directory,
    Jobs,
    Keys,
    MatchQueue,
    Neighbours,
    PeopleIndex,
    PhoneIndex,
    Quota,
    Traits,
)


@dataclass(frozen=True)
class Engines:
    db: Database
    keys: Keys
    clock: Clock
    jobs: Jobs
    quota: Quota
    settings: Settings
    queue: MatchQueue
    relations: RelationStore
    directory: Directory
    index: PeopleIndex
    phones: PhoneIndex
    activity: Activity
    traits: Traits
    neighbours: Neighbours
    shared: bool


class PeopleParts:
    def __init__(self, e: Engines) -> None:
        who = (e.relations, e.directory)
        self.people = People(e.db, e.clock, *who, e.activity, e.neighbours, Attention(*who, e.neighbours), e.settings.friend_requests_open)
        self.blocks = Blocks(e.db, e.clock, *who, e.activity)
        self.contacts = Contacts(e.db, e.keys, e.clock, e.quota, *who, e.index, e.phones, e.activity, e.neighbours, e.jobs)
        self.follows = Follows(e.db, e.clock, *who, e.activity)
        self.discovery = Discovery(e.db, *who, e.index, e.traits, e.neighbours)
        self.friend_links = FriendLinks(e.db, e.keys, e.clock, *who, self.people)
        self.meetings = Meetings(e.db, e.clock, e.queue, *who, e.traits, e.neighbours, shared=e.shared)
