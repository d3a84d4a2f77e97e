"""The parts of rooms, built and connected; what the composition hands over comes in, what edges call is an attribute."""

from collections.abc import Awaitable, Callable

from livecore.config import Settings
from livecore.ports import Bus, Clock, Database, Directory, Jobs, Keys, Limiter, Relations
from livecore.rooms import expiry
from livecore.rooms.companions import Companionship
from livecore.rooms.erasure import ConversationEraser
from livecore.rooms.expiry import Expiry
from livecore.rooms.fanout import Hub, Outlet
from livecore.rooms.items import Item
from livecore.rooms.listing import Listing
from livecore.rooms.live import LiveHub, LiveOutlet
from livecore.rooms.mailboxes import Mailboxes
from livecore.rooms.membership import Conversations
from livecore.rooms.service import Messages
from livecore.rooms.snapshots import Snapshots
from livecore.rooms.store import Store
from livecore.rooms.writer import Writer


class Rooms:
    """`messages`, `conversations`, `listing`, `mailboxes`, `lives`, `hub`, `expiry`."""

    def __init__(
        self,
        *,
        settings: Settings,
        db: Database,
        store: Store,
        checkpoint: Callable[[], Awaitable[object]],
        keys: Keys,
        bus: Bus,
        clock: Clock,
        jobs: Jobs,
        limiter: Limiter,
        relations: Relations,
        directory: Directory,
        outlet: Outlet,
        live_outlet: LiveOutlet,
        shared: bool,
    ) -> None:
        self._jobs = jobs
        self.snapshots = Snapshots(db)
        self.companions = Companionship(db)
        self.expiry = Expiry(db, clock, lambda: self.writer, checkpoint, settings.message_ttl_s)
        self.writer = Writer(store, keys, clock, self._on_items, self.expiry.on_deleted)
        self.mailboxes = Mailboxes(db, keys, clock, directory, self.writer, settings.message_ttl_s, shared=shared)
        self.hub = Hub(db, bus, self.mailboxes, self.snapshots, outlet, shared=shared)
        self.listing = Listing(db, directory, self.snapshots)
        self.conversations = Conversations(db, keys, clock, settings, relations, directory, self.snapshots, self.hub, outlet, self.writer)
        self.eraser = ConversationEraser(db, self.conversations, self.writer)
        self.messages = Messages(
            db,
            clock,
            settings,
            relations,
            directory,
            limiter,
            self.snapshots,
            self.conversations,
            self.mailboxes,
            self.writer,
            self.hub,
            outlet,
        )
        self.lives = LiveHub(bus, clock, limiter, relations, live_outlet, lines=settings.live_ring_lines, shared=shared)

    def _on_items(self, items: list[Item]) -> None:
        self.hub.on_items(items)

    async def start(self) -> None:
        self._jobs.handle(expiry.JOB, self.expiry.run)
        self.writer.start()
        await self.hub.start()
        await self.expiry.recover()
        await self._jobs.every(expiry.JOB, self.expiry.every_s)

    async def close(self) -> None:
        await self.lives.close()
        await self.hub.close()
        await self.writer.close()
        await self.expiry.close()

    async def members_of(self, conversation_id: str) -> list[str]:
        snapshot = await self.snapshots.get(conversation_id)
        return snapshot.readers if snapshot is not None else []
