"""The parts of rooms, built and connected; what the composition hands over comes in, what edges call is an attribute."""

from collections.abc import Awaitable, Callable, Iterable

from livecore.config import Settings
from livecore.ports import Bus, Clock, Database, Directory, Jobs, Keys, Limiter, PictureMaker, Preserver, Relations, Storage
from livecore.rooms import expiry
from livecore.rooms.attachments import Attachments
from livecore.rooms.companions import Companionship
from livecore.rooms.contents import Contents
from livecore.rooms.erasure import ConversationEraser
from livecore.rooms.expiry import Expiry
from livecore.rooms.fanout import Hub, Outlet
from livecore.rooms.group_pictures import GroupPictures
from livecore.rooms.heads import Heads
from livecore.rooms.introductions import Introductions
from livecore.rooms.invites import Invites
from livecore.rooms.items import Item
from livecore.rooms.listing import Listing
from livecore.rooms.live import LiveHub, LiveOutlet
from livecore.rooms.mailboxes import Mailboxes
from livecore.rooms.membership import Conversations
from livecore.rooms.own_marks import OwnMarks
from livecore.rooms.service import Messages
from livecore.rooms.sharing import Sharing
from livecore.rooms.snapshots import Snapshots
from livecore.rooms.store import Store
from livecore.rooms.undelivered import UndeliveredMessages
from livecore.rooms.writer import Writer


class Rooms:
    """`messages`, `conversations`, `listing`, `invites`, `own_marks`, `group_pictures`, `attachments`, `contents`, `sharing`, `mailboxes`, `lives`, `hub`, `heads`, `expiry`."""

    def __init__(
        self,
        *,
        settings: Settings,
        db: Database,
        store: Store,
        checkpoint: Callable[[], Awaitable[object]],
        keys: Keys,
        storage: Storage,
        bus: Bus,
        clock: Clock,
        jobs: Jobs,
        limiter: Limiter,
        relations: Relations,
        directory: Directory,
        pictures: PictureMaker,
        preserver: Preserver,
        outlet: Outlet,
        live_outlet: LiveOutlet,
        shared: bool,
    ) -> None:
        self._jobs = jobs
        self.snapshots = Snapshots(db)
        self.companions = Companionship(db)
        self.undelivered = UndeliveredMessages(db, clock, self.snapshots)
        self.on_commit: Callable[[Iterable[str]], None] | None = None  # told in which conversations something was said; None: nobody asks
        self.expiry = Expiry(db, clock, lambda: self.writer, self._expire_attachments, checkpoint, settings.message_ttl_s)
        self.writer = Writer(
            store, keys, clock, self._on_items, self.expiry.on_deleted, self._on_known, lambda drafts: self.heads.doubt(drafts)
        )
        self.mailboxes = Mailboxes(db, keys, clock, directory, self.writer, settings.message_ttl_s, shared=shared)
        self.hub = Hub(db, bus, self.mailboxes, self.snapshots, outlet, shared=shared)
        self.heads = Heads(db, clock, settings.heads_check_s, self.hub.moved, self._on_found)
        self.listing = Listing(db, relations, directory, self.snapshots)
        self.conversations = Conversations(db, keys, clock, settings, relations, directory, self.snapshots, self.hub, outlet, self.writer)
        self.invites = Invites(db, keys, clock, settings, relations, directory, self.snapshots, self.conversations)
        self.own_marks = OwnMarks(db, clock, self.conversations, outlet)
        self.group_pictures = GroupPictures(db, clock, pictures, self.conversations)
        self.attachments = Attachments(db, storage, keys, clock, settings, pictures, self.conversations)
        self.contents = Contents(self.attachments)
        self.introductions = Introductions(db, keys, clock, self.conversations)
        self.eraser = ConversationEraser(db, self.conversations, self.attachments, self.writer)
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
            self.attachments,
            self.contents,
            self.writer,
            self.hub,
            preserver,
        )
        self.sharing = Sharing(directory, self.conversations, self.messages, self.contents)
        self.lives = LiveHub(bus, clock, limiter, relations, live_outlet, lines=settings.live_ring_lines, shared=shared)

    async def _expire_attachments(self) -> None:
        await self.attachments.expire()

    def _on_items(self, items: list[Item]) -> None:
        self.hub.on_items(items)
        if self.on_commit is not None:
            self.on_commit(item.conversation_id for item in items if item.kind == "message")

    def _on_known(self, conversation_id: str, seq: int) -> None:
        self.hub.ring(conversation_id, seq)

    def _on_found(self, conversation_id: str, first: int) -> None:
        self.hub.ring(conversation_id, first, is_new=True)
        if self.on_commit is not None:
            self.on_commit([conversation_id])

    async def start(self) -> None:
        self._jobs.handle(expiry.JOB, self.expiry.run)
        self._jobs.handle(expiry.TIMERS_JOB, self.expiry.run_timers)
        self.writer.start()
        await self.hub.start()
        self.heads.start()
        await self.lives.start()
        await self.expiry.recover()
        await self._jobs.every(expiry.JOB, self.expiry.every_s)
        await self._jobs.every(expiry.TIMERS_JOB, expiry.TIMERS_EVERY_S)

    async def close(self) -> None:
        await self.lives.close()
        await self.heads.close()
        await self.hub.close()
        await self.writer.close()
        await self.expiry.close()
