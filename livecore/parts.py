"""What a main process is made of: which engine keeps which promise, and what crosses from one service to another.

Nothing here decides anything; it builds and connects, in order. What has an end is pushed on the stack.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from livecore import data
from livecore.accounts.assembly import AccountParts, Engines
from livecore.accounts.consent_mail import ConsentMailer
from livecore.attention import Attention
from livecore.calls.service import Calls
from livecore.config import Settings
from livecore.endtoend.service import DeviceKeys
from livecore.feed.assembly import Engines as FeedEngines
from livecore.feed.assembly import FeedParts
from livecore.insight.assembly import Insight
from livecore.library.assembly import Engines as LibraryEngines
from livecore.library.assembly import LibraryParts
from livecore.library.media_copier import ChildCopier
from livecore.library.picture_maker import ChildPictures
from livecore.library.replays import Replays
from livecore.links import MediaLinks
from livecore.live_plane import GuardedMedia
from livecore.lives.assembly import Engines as LiveEngines
from livecore.lives.assembly import LiveParts
from livecore.media.client import MediaPlane
from livecore.media.metrics import MediaCollector
from livecore.media.origin import Origin
from livecore.mentions import Mentions
from livecore.people.assembly import Engines as PeopleEngines
from livecore.people.assembly import PeopleParts
from livecore.people.contact_cards import ContactCards
from livecore.people.relations import RelationStore
from livecore.platform.assembly import start_platform
from livecore.platform.growing import make_growing
from livecore.platform.match_queue import make_match_queue
from livecore.platform.metrics import Metrics
from livecore.platform.scrub import scrub
from livecore.platform.webpush import HttpPushSender
from livecore.ports import Activity, Authenticator, Clock, Directory, Mailer, Neighbours, Relations, Signals, TakedownPort
from livecore.presence.service import Presence
from livecore.privacy.erasure import Erasure
from livecore.privacy.exporting import Exports
from livecore.privacy.minors import Minors
from livecore.privacy.retention import Retention
from livecore.push.service import Push
from livecore.rooms.assembly import Rooms
from livecore.rooms.postgres_store import PostgresStore
from livecore.rooms.sqlite_store import SqliteStore
from livecore.signaling.assembly import make_registry
from livecore.signaling.gateway import Gateway, Services
from livecore.signaling.signals import BusSignals
from livecore.talk.assembly import Engines as TalkEngines
from livecore.talk.assembly import TalkParts
from livecore.trust.assembly import Engines as TrustEngines
from livecore.trust.assembly import TrustParts
from livecore.trust.audit import AuditLog
from livecore.trust.holds import LegalHolds
from livecore.trust.notices import Notices
from livecore.trust.policies import Policies
from livecore.trust.sharing import SharingNotices
from livecore.viewing.assembly import Engines as ViewingEngines
from livecore.viewing.assembly import ViewingParts


class Parts:
    """Attributes are set by `_build`, in the order in which they stand here."""

    mailer: Mailer
    signals: Signals
    authenticator: Authenticator
    account_parts: AccountParts
    bus_signals: BusSignals
    relations: Relations
    directory: Directory
    activity: Activity

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.metrics = Metrics()
        self._stack = AsyncExitStack()
        # What accounts and people use of services that are built after them: filled in below, as they are built.
        self.neighbours = Neighbours()
        self.url = ""  # empty until the server listens

    async def _build(self) -> None:
        """Connect the engines, bring the schema up to date, build the services. No job runs yet."""
        self.platform = start = await start_platform(self.settings, self.clock, self.metrics, data.metadata, self._stack)
        self.db, self.keys, self.bus, self.storage = start.db, start.keys, start.bus, start.storage
        self.jobs, self.limiter, self.sms = start.jobs, start.limiter, start.sms
        self.mailer = self._consent = ConsentMailer(start.mailer)
        self.links = MediaLinks(self.keys, self.clock, self.settings.media_link_s)
        self.pictures = ChildPictures(self.settings)

        # -- policies, notices and audit, which the others lean on
        await self._start_policies()
        # -- accounts and people
        await self._start_accounts()
        self._consent.wants = self.account_parts.news.wants
        # -- rooms, presence, signaling
        await self._start_rooms()
        # -- lives and media
        self._viewing = ViewingParts(ViewingEngines(self.db, self.clock, self.directory))
        self.views = self._viewing.views
        await self._build_lives()
        # -- library and feed
        await self._start_library()
        # -- trust and privacy
        self._build_trust()

    async def _start_policies(self) -> None:
        async def tell(account_id: str, event: str, content: Mapping[str, Any]) -> None:
            await self.signals.to_account(account_id, event, content)

        self.audit = AuditLog(self.db, self.clock)
        self.notices = Notices(self.db, self.clock, tell)
        self.policies = Policies(self.db, self.clock, self.jobs, self.audit, self.notices, self.settings, lambda: self.accounts)
        self.sharing = SharingNotices(self.db, self.clock)
        self.holds = LegalHolds(self.db, self.keys, self.clock, self.bus, self.audit, lambda: self.erasure)
        self.erasure = Erasure(
            self.db, self.keys, self.storage, self.jobs, self.clock, data.metadata, data.data_map, self.db.checkpoint, self.holds
        )
        await self.audit.start()
        self._stack.push_async_callback(await self.holds.start())
        await self.policies.start()
        self.neighbours.policies, self.neighbours.notifier, self.neighbours.erasures = self.policies, self.notices, self.erasure

    def _build_trust(self) -> None:
        takedowns: dict[str, TakedownPort] = {
            "video": self.videos,
            "image": self.images,
            "live": self.lives,
            "post": self.posts,
            "comment": self.comments,
        }
        takedowns |= dict.fromkeys(self.account_parts.takedowns.KINDS, self.account_parts.takedowns)
        self.trust = trust = TrustParts(
            TrustEngines(
                db=self.db,
                keys=self.keys,
                clock=self.clock,
                jobs=self.jobs,
                mailer=self.mailer,
                audit=self.audit,
                notifier=self.notices,
                directory=self.directory,
                activity=self.activity,
                blocker=self.blocks,
                owners=takedowns,
                states=self.accounts,
                settings=self.settings,
                url=lambda: self.url,
            )
        )
        self.takedowns, self.claims, self.reports = trust.takedowns, trust.claims, trust.reports
        self.neighbours.reviews, self.neighbours.audience = self.reports, self._viewing.audience
        self.reports.on_report = self.meetings.separate
        self.exports = Exports(
            self.db,
            self.keys,
            self.storage,
            self.jobs,
            self.clock,
            self.notices,
            data.metadata,
            data.data_map,
            self.settings.data_dir / "tmp",
            self.settings.export_link_s,
        )
        self.minors = Minors(self.db, self.clock, self.directory, self.accounts, self.erasure, self.audit)
        self.retention = Retention(self.db, self.jobs, self.clock, data.metadata, self.holds)
        self.retention.expiring += [
            self.holds.expire,
            self.claims.expire,
            self.exports.expire,
            self.uploads.expire,
            self.insight.telemetry.expire,
            self.platform.quota.expire,
        ]
        replays = Replays(self.db, self.clock, self.videos, self.notices, self.settings.replay_days, self.holds)
        self.retention.expiring += [replays.expire, self.held_content.release]
        # Owners' own steps first, while the rows that they need are there; the account itself last.
        self.erasure.afterwards.append(self.search.forget)
        self.erasure.erasers += [
            self.lives,
            self.rooms.eraser,
            self.uploads,
            self.videos,
            self.posts,
            self.talk,
            self.reports,
            self.people,
            self.choices,
            self.meetings,
            self.calls,
            self.presence,
            self.jobs,
            self.accounts,
        ]

    async def _start_accounts(self) -> None:
        # Other processes change what this one has in memory.
        shared = bool(self.settings.redis_url)
        relations = RelationStore(self.db, self.bus, shared=shared)
        parts = AccountParts(
            Engines(
                db=self.db,
                keys=self.keys,
                bus=self.bus,
                clock=self.clock,
                storage=self.storage,
                jobs=self.jobs,
                limiter=self.limiter,
                mailer=self.mailer,
                sms=self.sms,
                links=self.links,
                pictures=self.pictures,
                settings=self.settings,
                relations=relations,
                neighbours=self.neighbours,
                shared=shared,
            )
        )
        self._stack.push_async_callback(parts.passwords.close)
        for end in [await relations.start(), *await parts.start()]:
            self._stack.push_async_callback(end)
        self.relations, self.directory, self.activity, self.authenticator = relations, parts.profiles, parts.activity, parts.principals
        self.account_parts = parts
        self.accounts, self.sessions, self.devices, self.profiles = parts.accounts, parts.sessions, parts.devices, parts.profiles
        self.registration, self.verification, self.recovery = parts.registration, parts.verification, parts.recovery
        self.avatars, self.preferences = parts.avatars, parts.preferences
        queue = make_match_queue(self.settings.redis_url, self.settings.match_queue_limit)
        self._stack.push_async_callback(queue.close)
        people = PeopleParts(
            PeopleEngines(
                db=self.db,
                keys=self.keys,
                clock=self.clock,
                jobs=self.jobs,
                quota=self.platform.quota,
                settings=self.settings,
                queue=queue,
                relations=relations,
                directory=parts.profiles,
                index=parts.profiles,
                phones=parts.phone_numbers,
                activity=parts.activity,
                traits=parts.traits,
                neighbours=self.neighbours,
                shared=shared,
            )
        )
        self.people, self.blocks, self.contacts, self.follows = people.people, people.blocks, people.contacts, people.follows
        self.discovery, self.friend_links, self.meetings = people.discovery, people.friend_links, people.meetings
        self.neighbours.phone_watchers.append(self.contacts)
        self.insight = Insight(self.db, self.keys, self.clock, parts.profiles, self.settings, scrub, self.holds)
        self.neighbours.device_watchers.append(self.insight.device_facts)

    async def _start_rooms(self) -> None:
        shared = bool(self.settings.redis_url)
        self.registry = make_registry(self.settings)
        self.signals = self.neighbours.signals = self.bus_signals = signals = BusSignals(self.bus, self.registry, shared=shared)
        await signals.start()
        self._stack.push_async_callback(signals.close)
        self.rooms = Rooms(
            settings=self.settings,
            db=self.db,
            store=SqliteStore(self.db) if self.db.dialect == "sqlite" else PostgresStore(self.db),
            checkpoint=self.db.checkpoint,
            keys=self.keys,
            storage=self.storage,
            bus=self.bus,
            clock=self.clock,
            jobs=self.jobs,
            limiter=self.limiter,
            relations=self.relations,
            directory=self.directory,
            pictures=self.pictures,
            preserver=self.holds,
            outlet=signals,
            live_outlet=self.registry,
            shared=shared,
        )
        await self.rooms.start()
        self._stack.push_async_callback(self.rooms.close)
        self.hub, signals.to_conversation, signals.to_live = self.rooms.hub, self.rooms.hub.tell_readers, self.rooms.lives.tell
        signals.on_put_out = lambda _connection, live_id: self.rooms.lives.moved(live_id)
        self.device_keys = DeviceKeys(
            self.db, self.clock, self.limiter, self.relations, self.directory, self.rooms.companions, signals, self.settings.one_time_keys
        )
        sender = HttpPushSender()
        self._stack.push_async_callback(sender.close)
        self.push = Push(self.db, self.keys, self.clock, self.jobs, self.settings, self.directory, self.rooms.undelivered, sender)
        await self.push.start()
        self._stack.push_async_callback(self.push.close)
        self.rooms.on_commit = self.push.mark
        self.neighbours.device_watchers += [self.rooms.mailboxes, self.device_keys, self.push]
        self.neighbours.introductions = self.rooms.introductions
        self.presence = Presence(self.db, self.bus, self.clock, self.relations, self.directory, self.devices, self.registry, shared=shared)
        await self.presence.start()
        self._stack.push_async_callback(self.presence.close)
        self.calls = Calls(
            self.db,
            self.clock,
            self.jobs,
            self.limiter,
            self.relations,
            self.directory,
            signals,
            self.notices,
            self.neighbours,
            self.push,
            self.settings.call_ring_s,
        )
        await self.calls.start()
        self._stack.push_async_callback(self.calls.close)
        services = Services(
            self.registry,
            self.rooms.messages,
            self.rooms.mailboxes,
            self.rooms.lives,
            self.presence,
            self.devices,
            self.relations,
            self.notices,
            self.meetings,
            self.directory,
            self.calls,
            self.sharing,
            (self.bus_signals, self.hub),
        )
        self.gateway = Gateway(self.settings, self.authenticator, self.limiter, self.metrics, services)
        self.gateway.start()
        self._stack.push_async_callback(self.gateway.close)

    async def _build_lives(self) -> None:
        self.media = MediaPlane([self.settings.media_socket(index) for index in range(self.settings.worker_count())], self.clock)
        self.metrics.registry.register(MediaCollector(self.media))
        self.guarded_media = GuardedMedia(self.media)
        parts = LiveParts(
            LiveEngines(
                db=self.db,
                keys=self.keys,
                bus=self.bus,
                clock=self.clock,
                jobs=self.jobs,
                limiter=self.limiter,
                settings=self.settings,
                links=self.links,
                relations=self.relations,
                directory=self.directory,
                activity=self.activity,
                signals=self.signals,
                notifier=self.notices,
                media=self.guarded_media,
                rooms=self.rooms.lives,
                traits=self.account_parts.traits,
                follows=self.follows,
                followers=self.follows,
                neighbours=self.neighbours,
                views=self._viewing.rows,
                shared=bool(self.settings.redis_url),
            )
        )
        self.lives, self.live_moderation, self.live_discovery = parts.lives, parts.moderation, parts.discovery
        self.announcing, self.playback, self.publications = parts.announcing, parts.playback, parts.publications
        self.media_rights, self.live_feed, self.viewed_lives = parts.rights, parts.feed_source, parts.viewed
        self._stack.push_async_callback(await self.lives.start())
        self.rooms.lives.gate, self.rooms.lives.moderation = self.lives, self.live_moderation
        self.rooms.contents.gates["live"] = self.lives
        self.neighbours.private_lives = parts.private
        self.lives.departures += [self.meetings.departed, self.calls.departed]
        self.blocks.on_block = self._separate
        settings = self.settings
        self.origin = Origin(settings.hls_dir, settings.hls_waiting, settings.hls_cache_bytes)
        self.bus_signals.on_cut.append(self.playback.forget_account)
        self.bus_signals.on_audience_changed.append(self.playback.forget_live)

    async def _separate(self, one: str, other: str) -> None:
        await self.meetings.separate(one, other)
        await self.calls.separate(one, other)
        await self.lives.separate(one, other)

    async def _start_library(self) -> None:
        attention = Attention(self.relations, self.directory, self.neighbours)
        mentions = Mentions(self.relations, self.directory, attention, self.notices)
        talk = TalkParts(TalkEngines(self.db, self.clock, self.relations, self.directory, self.limiter, attention, self.notices, mentions))
        library = LibraryParts(
            LibraryEngines(
                db=self.db,
                clock=self.clock,
                storage=self.storage,
                growing=make_growing(self.storage),
                jobs=self.jobs,
                bus=self.bus if self.settings.redis_url else None,
                settings=self.settings,
                relations=self.relations,
                directory=self.directory,
                signals=self.signals,
                pictures=self.pictures,
                put_avatar=self.avatars.put,
                message_media=self.rooms.attachments,
                talk=talk.rows,
                views=self._viewing.rows,
                holds=self.holds,
            )
        )
        self.held_content = library.held
        self.videos, self.video_shares, self.images = library.videos, library.shares, library.images
        self.uploads, self.copies = library.uploads, library.copies
        self._stack.push_async_callback(await self.uploads.turns.start())
        feed = FeedParts(
            FeedEngines(
                db=self.db,
                clock=self.clock,
                relations=self.relations,
                directory=self.directory,
                followed=self.follows,
                history=self.views,
                creators=library.quality,
                mentions=mentions,
                images=library.images,
                videos=library.videos,
                talk=talk.rows,
                views=self._viewing.rows,
                sources=[library.feed_source, self.live_feed],
                shared=bool(self.settings.redis_url),
            )
        )
        self.shares, self.posts, self.choices, self.search = feed.shares, feed.posts, feed.choices, feed.search
        self.neighbours.muted = feed.choices
        self.feed, self.post_feed = feed.feed, feed.post_feed
        self.comments, self.likes, self.talk = talk.comments, talk.likes, talk.rows
        talk.kinds |= {"video": self.videos, "post": self.posts}
        self._viewing.kinds |= {"video": library.viewed, "post": feed.viewed, "live": self.viewed_lives}
        self.rooms.attachments.copier = ChildCopier(self.settings)
        self.rooms.contents.gates |= {"video": self.videos, "post": self.posts}
        self.rooms.contents.contacts = ContactCards(self.db, self.account_parts.phone_numbers, self.profiles)
