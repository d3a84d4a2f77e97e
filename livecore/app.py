"""The composition root: which engine keeps which promise, and what crosses from one service to another.

Nothing here decides anything; it builds, connects and ends in order. `App.start` brings everything up,
`App.close` takes it down the other way round.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from livecore import data, errors
from livecore.accounts.assembly import AccountParts, Engines
from livecore.accounts.consent_mail import ConsentMailer
from livecore.calls.service import Calls
from livecore.config import Settings
from livecore.endtoend.service import DeviceKeys
from livecore.feed.assembly import Engines as FeedEngines
from livecore.feed.assembly import FeedParts
from livecore.insight.assembly import Insight
from livecore.library.assembly import Engines as LibraryEngines
from livecore.library.assembly import LibraryParts
from livecore.library.media_copier import ChildCopier
from livecore.library.replays import Replays
from livecore.library.shared_audience import SharedAudience
from livecore.links import MediaLinks
from livecore.live_plane import GuardedMedia, LivePlane
from livecore.lives.announcing import Announcing
from livecore.lives.course import Course
from livecore.lives.discovery import LiveDiscovery
from livecore.lives.feed_source import LiveFeed
from livecore.lives.ice_servers import link_values
from livecore.lives.meetings import PrivateLives
from livecore.lives.moderation import Moderation
from livecore.lives.playback import Playback
from livecore.lives.service import Lives
from livecore.lives.standing import Standing
from livecore.media.client import MediaPlane
from livecore.media.metrics import MediaCollector
from livecore.media.origin import Origin
from livecore.media.recorder_metrics import RecorderCollector
from livecore.mentions import Mentions
from livecore.people.blocks import Blocks
from livecore.people.contact_cards import ContactCards
from livecore.people.contacts import Contacts
from livecore.people.discovery import Discovery
from livecore.people.follows import Follows
from livecore.people.friend_links import FriendLinks
from livecore.people.meetings import Meetings
from livecore.people.relations import RelationStore
from livecore.people.service import People
from livecore.platform.bus import MemoryBus, make_bus
from livecore.platform.bus_redis import RedisBus
from livecore.platform.clock import SystemClock
from livecore.platform.database import SqlDatabase, database_url
from livecore.platform.growing import make_growing
from livecore.platform.jobs import SqlJobs
from livecore.platform.keys import SqlKeys
from livecore.platform.limits import RateLimiter
from livecore.platform.mail import make_mailer
from livecore.platform.match_queue import make_match_queue
from livecore.platform.metrics import Metrics
from livecore.platform.migrations import migrate
from livecore.platform.readiness import check_all
from livecore.platform.scrub import scrub
from livecore.platform.sms import make_sms_sender
from livecore.platform.storage import ObjectStorage, make_storage
from livecore.platform.webpush import HttpPushSender
from livecore.ports import (
    Activity,
    Authenticator,
    Clock,
    Directory,
    Mailer,
    Neighbours,
    Principal,
    Relations,
    Signals,
    SmsSender,
    TakedownPort,
)
from livecore.presence.service import Presence
from livecore.privacy.erasure import Erasure
from livecore.privacy.exporting import Exports
from livecore.privacy.minors import Minors
from livecore.privacy.retention import Retention
from livecore.push.service import Push
from livecore.rest import ROUTES, openapi, whip
from livecore.rest.answers import problems
from livecore.rest.api import APP
from livecore.rest.endpoint import mount
from livecore.rest.web import WEB_DEMO, WebDemo, origin_of
from livecore.rooms.assembly import Rooms
from livecore.rooms.postgres_store import PostgresStore
from livecore.rooms.sqlite_store import SqliteStore
from livecore.signaling.assembly import make_registry
from livecore.signaling.gateway import Gateway, Services
from livecore.signaling.signals import BusSignals
from livecore.talk.assembly import Engines as TalkEngines
from livecore.talk.assembly import TalkParts
from livecore.trust.audit import AuditLog
from livecore.trust.claims import Claims
from livecore.trust.notices import Notices
from livecore.trust.policies import Policies
from livecore.trust.reports import Reports
from livecore.trust.sharing import SharingNotices
from livecore.trust.targets import Takedowns

log = structlog.get_logger("app")

# Set on an account that declined the policy: only these answer (row 72 of the promises).
_OPEN_WHEN_DECLINED = "any"


class App:
    """The application of one main process. Attributes are set by `start`, in the order in which they stand here."""

    db: SqlDatabase
    keys: SqlKeys
    bus: MemoryBus | RedisBus
    storage: ObjectStorage
    jobs: SqlJobs
    limiter: RateLimiter
    mailer: Mailer
    sms: SmsSender
    links: MediaLinks
    signals: Signals
    authenticator: Authenticator
    account_parts: AccountParts
    bus_signals: BusSignals
    relations: Relations
    directory: Directory
    activity: Activity
    lives: Lives

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.metrics = Metrics()
        self._stack = AsyncExitStack()
        # What accounts and people use of services that are built after them: filled in below, as they are built.
        self.neighbours = Neighbours()
        self.url = ""  # empty until the server listens
        self.draining = False
        self._openapi: dict[str, Any] | None = None

    async def start(self, *, serving: bool = True) -> web.Application:
        """Connect the engines, bring the schema up to date, build the services, answer the HTTP application (not yet listening).

        Without `serving` no job is run and no media worker or recorder is spoken to: a command-line call beside a running server.
        """
        settings = self.settings
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.db = SqlDatabase(database_url(settings.database_url, settings.data_dir))
        self._stack.push_async_callback(self.db.close)
        await migrate(self.db, data.metadata)
        self.keys = SqlKeys(database_url(settings.keys_url, settings.data_dir, "keys.sqlite"))
        self._stack.push_async_callback(self.keys.close)
        await self.keys.start()
        self.bus = await make_bus(settings.redis_url, self.metrics, settings.bus_channels)
        self._stack.push_async_callback(self.bus.close)
        self.storage = make_storage(settings.storage_url, settings.data_dir)
        self.limiter = RateLimiter(settings, self.keys, self.metrics)
        self._stack.push_async_callback(self.limiter.close)
        self.mailer = consent = ConsentMailer(make_mailer(settings))
        self._consent = consent
        self.sms = make_sms_sender(settings)
        self.links = MediaLinks(self.keys, self.clock, settings.media_link_s)
        self.jobs = SqlJobs(self.db, self.clock, self.metrics, round(self.settings.job_lease_s * 1000))

        # -- policies, notices and audit, which the others lean on
        await self._start_policies()
        # -- accounts and people
        await self._start_accounts()
        self._consent.wants = self.account_parts.news.wants
        # -- rooms, presence, signaling
        await self._start_rooms()
        # -- lives and media
        await self._build_lives()
        # -- library and feed
        await self._start_library()
        # -- trust and privacy
        self._build_trust()

        if serving:
            await self.jobs.start()
            self._stack.push_async_callback(self.jobs.close)
            await self.retention.start()
            self.meetings.start()
            self._stack.push_async_callback(self.meetings.close)
            await self._start_live_plane()
        application = web.Application(middlewares=[problems], client_max_size=settings.body_limit_bytes)
        application.on_response_prepare.append(whip.expose)
        application[APP] = self
        mount(application, ROUTES)
        self.gateway.attach(application)
        elsewhere = await self.storage.signed_url("origin", 1) if settings.send_files == "redirect" else None
        application.add_routes(WebDemo.at(WEB_DEMO, origin_of(elsewhere or "")).routes())
        return application

    async def _start_policies(self) -> None:
        async def tell(account_id: str, event: str, content: Mapping[str, Any]) -> None:
            await self.signals.to_account(account_id, event, content)

        self.audit = AuditLog(self.db, self.clock)
        self.notices = Notices(self.db, self.clock, tell)
        self.policies = Policies(self.db, self.clock, self.jobs, self.audit, self.notices, self.settings, lambda: self.accounts)
        self.sharing = SharingNotices(self.db, self.clock)
        self.erasure = Erasure(self.db, self.keys, self.storage, self.jobs, self.clock, data.metadata, data.data_map, self.db.checkpoint)
        await self.audit.start()
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
        self.takedowns = Takedowns(self.db, self.clock, self.directory, self.notices, self.audit, takedowns)
        self.claims = Claims(self.db, self.keys, self.clock, self.jobs, self.mailer, self.audit, self.takedowns, lambda: self.url)
        self.reports = Reports(
            self.db,
            self.keys,
            self.clock,
            self.directory,
            self.audit,
            self.notices,
            self.activity,
            self.takedowns,
            self.blocks,
        )
        self.neighbours.reviews, self.neighbours.audience = self.reports, SharedAudience(self.db, self.clock)
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
        self.retention = Retention(self.db, self.jobs, self.clock, data.metadata)
        self.retention.expiring += [self.claims.expire, self.exports.expire, self.uploads.expire, self.insight.telemetry.expire]
        replays = Replays(self.db, self.clock, self.videos, self.notices, self.settings.replay_days)
        self.retention.expiring.append(replays.expire)
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
            self.jobs,
            self.accounts,
        ]

    async def knows_case(self, case_id: str) -> bool:
        """Whether a claim or a report has this id: what staff must name to read a person's account."""
        return await self.claims.knows(case_id) or await self.reports.knows(case_id)

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
                settings=self.settings,
                relations=relations,
                neighbours=self.neighbours,
                shared=shared,
            )
        )
        self._stack.callback(parts.passwords.close)
        for end in [await relations.start(), *await parts.start()]:
            self._stack.push_async_callback(end)
        self.relations, self.directory, self.activity, self.authenticator = relations, parts.profiles, parts.activity, parts.principals
        self.account_parts = parts
        self.accounts, self.sessions, self.devices, self.profiles = parts.accounts, parts.sessions, parts.devices, parts.profiles
        self.registration, self.verification, self.recovery = parts.registration, parts.verification, parts.recovery
        self.avatars, self.preferences = parts.avatars, parts.preferences
        self.people = People(
            self.db, self.clock, relations, parts.profiles, parts.activity, self.neighbours, self.settings.friend_requests_open
        )
        self.blocks = Blocks(self.db, self.clock, relations, parts.profiles, parts.activity)
        self.contacts = Contacts(
            self.db,
            self.keys,
            self.clock,
            self.limiter,
            relations,
            parts.profiles,
            parts.profiles,
            parts.phone_numbers,
            parts.activity,
            self.neighbours,
            self.jobs,
        )
        self.neighbours.phone_watchers.append(self.contacts)
        self.follows = Follows(self.db, self.clock, relations, parts.profiles, parts.activity)
        self.discovery = Discovery(self.db, relations, parts.profiles, parts.profiles, parts.traits, self.neighbours)
        self.friend_links = FriendLinks(self.db, self.keys, self.clock, relations, parts.profiles, self.people)
        queue = make_match_queue(self.settings.redis_url, self.settings.match_queue_limit)
        self._stack.push_async_callback(queue.close)
        self.meetings = Meetings(self.db, self.clock, queue, relations, parts.profiles, parts.traits, self.neighbours, shared=shared)
        self.insight = Insight(self.db, self.keys, self.clock, parts.profiles, self.settings, scrub)
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
            outlet=signals,
            live_outlet=self.registry,
            shared=shared,
        )
        await self.rooms.start()
        self._stack.push_async_callback(self.rooms.close)
        self.hub, signals.to_conversation, signals.to_live = self.rooms.hub, self.rooms.hub.tell_readers, self.rooms.lives.tell
        signals.on_put_out = lambda _connection, live_id: self.rooms.lives.moved(live_id)
        self.device_keys = DeviceKeys(
            self.db,
            self.clock,
            self.limiter,
            self.relations,
            self.directory,
            self.rooms.companions,
            signals,
            self.settings.one_time_keys,
        )
        sender = HttpPushSender()
        self._stack.push_async_callback(sender.close)
        self.push = Push(
            self.db,
            self.keys,
            self.clock,
            self.jobs,
            self.settings,
            self.directory,
            self.rooms.undelivered,
            sender,
        )
        await self.push.start()
        self._stack.push_async_callback(self.push.close)
        self.rooms.on_commit = self.push.mark
        self.neighbours.device_watchers += [self.rooms.mailboxes, self.device_keys, self.push]
        self.neighbours.introductions = self.rooms.introductions
        self.presence = Presence(self.db, self.bus, self.clock, self.relations, self.directory, self.registry, shared=shared)
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
        self.lives = Lives(
            self.db,
            self.clock,
            self.relations,
            self.directory,
            self.signals,
            self.limiter,
            self.activity,
            self.guarded_media,
            self.rooms.lives,
            Standing(self.bus, self.clock, shared=bool(self.settings.redis_url)),
            self.settings.publish_token_s,
        )
        self._stack.push_async_callback(await self.lives.start())
        self.live_moderation = Moderation(self.db, self.clock, self.directory, self.signals, self.guarded_media, self.lives)
        self.rooms.lives.gate, self.rooms.lives.moderation = self.lives, self.live_moderation
        self.rooms.contents.gates["live"] = self.lives
        self.live_discovery = LiveDiscovery(
            self.db,
            self.clock,
            self.lives,
            self.relations,
            self.directory,
            self.rooms.lives,
            self.account_parts.traits,
            self.follows,
        )
        self.announcing = Announcing(self.db, self.clock, self.jobs, self.relations, self.directory, self.follows, self.notices)
        self.neighbours.private_lives = PrivateLives(self.db, self.clock, self.lives)
        self.lives.departures += [self.meetings.departed, self.calls.departed]
        self.blocks.on_block = self._separate
        settings = self.settings
        self.origin = Origin(settings.hls_dir, settings.hls_waiting, settings.hls_cache_bytes)
        self.playback = Playback(self.lives, self.links, self.clock)
        self.bus_signals.on_cut.append(self.playback.forget_account)
        self.bus_signals.on_audience_changed.append(self.playback.forget_live)

    async def _separate(self, one: str, other: str) -> None:
        await self.meetings.separate(one, other)
        await self.calls.separate(one, other)
        await self.lives.separate(one, other)

    async def _start_live_plane(self) -> None:
        async def keep(owner_id: str, live: Mapping[str, Any], recording: Mapping[str, Any]) -> str:
            return await self.videos.create_from_recording(
                owner_id, live["id"], Path(recording["path"]), recording, live["visibility"], live["title"]
            )

        self.course = course = Course(
            self.db,
            self.clock,
            self.lives,
            self.guarded_media,
            self.signals,
            keep,
            self.settings.media_resume_s,
            self.announcing,
            self.settings.hls,
        )
        plane = LivePlane(self.media, self.settings.recorder_socket, self.origin)
        self.metrics.registry.register(RecorderCollector(lambda: plane.recorder_stats, self.origin))
        await plane.start(course)
        self._stack.push_async_callback(plane.close)

    def ice_servers(self, who: str) -> list[str]:
        """`Link` values for a client; the TURN server learns no more of it than a keyed word."""
        servers = [server.strip() for server in self.settings.ice_servers.split(",") if server.strip()]
        if not servers:
            return []
        word = self.keys.blind("turn", who).hex()[:16]
        return link_values(servers, self.settings.turn_secret, word, self.clock.at_ms() // 1000, self.settings.turn_credential_s)

    def watch_token(self, live_id: str, account_id: str) -> str:
        """A right to watch one live and nothing else, for a player that is not to have the account's own token."""
        return "watch_" + self.links.sign(f"watch/{live_id}", account_id, lifetime_s=self.settings.watch_token_s)

    def watch_grant(self, token: str, live_id: str | None) -> str:
        """Whose watch token this is (for this live; None: for any). Raises Unauthorised."""
        try:
            grant = self.links.read(token.removeprefix("watch_"))
        except errors.Gone as exc:
            raise errors.Unauthorised("This token has expired.", type="token_expired") from exc
        except errors.Forbidden as exc:
            raise errors.Unauthorised("This token watches nothing.") from exc
        place, _, live = grant.scope.partition("/")
        if place != "watch" or live_id not in (None, live):
            raise errors.Unauthorised("This token does not watch here.")
        return grant.account_id

    def sign_media_session(self, session_id: str, who: str) -> str:
        return self.links.sign(f"media/{session_id}", who, lifetime_s=self.settings.turn_credential_s * 2)

    def media_session(self, signed: str) -> tuple[str, str]:
        """(session id, who may change it) of a media session's address. Raises Forbidden or Gone."""
        grant = self.links.read(signed)
        place, _, session_id = grant.scope.partition("/")
        if place != "media":
            raise errors.Forbidden("This is no media session.", type="bad_link")
        return session_id, grant.account_id

    async def _start_library(self) -> None:
        mentions = Mentions(self.relations, self.directory, self.notices)
        talk = TalkParts(TalkEngines(self.db, self.clock, self.relations, self.directory, self.limiter, self.notices, mentions))
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
                put_avatar=self.avatars.put,
                message_media=self.rooms.attachments,
                talk=talk.rows,
            )
        )
        self.videos, self.video_shares, self.images = library.videos, library.shares, library.images
        self.uploads, self.copies, self.views = library.uploads, library.copies, library.views
        self._stack.push_async_callback(await self.uploads.turns.start())
        feed = FeedParts(
            FeedEngines(
                db=self.db,
                clock=self.clock,
                relations=self.relations,
                directory=self.directory,
                followed=self.follows,
                history=library.views,
                mentions=mentions,
                images=library.images,
                videos=library.videos,
                talk=talk.rows,
                sources=[library.feed_source, LiveFeed(self.db)],
                shared=bool(self.settings.redis_url),
            )
        )
        self.shares, self.posts, self.choices, self.search = feed.shares, feed.posts, feed.choices, feed.search
        self.feed, self.post_feed = feed.feed, feed.post_feed
        self.comments, self.likes, self.talk = talk.comments, talk.likes, talk.rows
        talk.kinds |= {"video": self.videos, "post": self.posts}
        self.rooms.attachments.copier = ChildCopier(self.settings)
        self.rooms.contents.gates |= {"video": self.videos, "post": self.posts}
        self.rooms.contents.contacts = ContactCards(self.db, self.account_parts.phone_numbers, self.profiles)

    def openapi(self) -> dict[str, Any]:
        if self._openapi is None:
            self._openapi = openapi.build(ROUTES)
        return self._openapi

    async def check_principal(self, principal: Principal, auth: str) -> None:
        """What an account's own state forbids on a route (see `auth` in livecore.rest.api)."""
        if auth in (_OPEN_WHEN_DECLINED, "optional", "none"):
            return
        if principal.declined:
            raise errors.Forbidden("You declined the policy; accept it to go on.", type="policy_declined")
        if not principal.verified:
            raise errors.Forbidden("Confirm your phone and your mail address first.", type="unverified")

    async def ready(self) -> dict[str, bool]:
        """What `/readyz` says: each part and whether it answers."""
        parts = {"database": self.db.check, "keys": self.keys.check, "bus": self.bus.check, "storage": self.storage.check}
        return await check_all(parts) | {"accepting": not self.draining}

    async def listening(self, url: str) -> None:
        """Called once the server's own address is known (`http://host:port`)."""
        self.url = self.settings.public_url.rstrip("/") or url

    async def drain(self) -> None:
        """A stop was asked for: no new sessions, clients are told to come back, lives are finished."""
        self.draining = True
        await self.gateway.drain()

    async def close(self) -> None:
        await self._stack.aclose()
