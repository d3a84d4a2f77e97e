"""The composition root: which engine keeps which promise, and what crosses from one service to another.

Nothing here decides anything; it builds, connects and ends in order. `App.start` brings everything up,
`App.close` takes it down the other way round.
"""

from contextlib import AsyncExitStack
from typing import Any

import structlog
from aiohttp import web

from livecore import data, errors
from livecore.config import Settings
from livecore.links import MediaLinks
from livecore.platform.bus import MemoryBus, make_bus
from livecore.platform.bus_redis import RedisBus
from livecore.platform.clock import SystemClock
from livecore.platform.database import SqlDatabase, database_url
from livecore.platform.jobs import SqlJobs
from livecore.platform.keys import SqlKeys
from livecore.platform.limits import RateLimiter
from livecore.platform.mail import make_mailer
from livecore.platform.metrics import Metrics
from livecore.platform.migrations import migrate
from livecore.platform.readiness import check_all
from livecore.platform.sms import make_sms_sender
from livecore.platform.storage import ObjectStorage, make_storage
from livecore.ports import Authenticator, Clock, Mailer, Principal, Signals, SmsSender
from livecore.rest import ROUTES, openapi
from livecore.rest.api import APP, mount, problems

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

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.metrics = Metrics()
        self._stack = AsyncExitStack()
        self.url = ""  # empty until the server listens
        self.draining = False
        self._openapi: dict[str, Any] | None = None

    async def start(self) -> web.Application:
        """Connect the engines, bring the schema up to date, build the services, answer the HTTP application (not yet listening)."""
        settings = self.settings
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.db = SqlDatabase(database_url(settings.database_url, settings.data_dir))
        self._stack.push_async_callback(self.db.close)
        await migrate(self.db, data.metadata)
        self.keys = SqlKeys(database_url(settings.keys_url, settings.data_dir, "keys.sqlite"))
        self._stack.push_async_callback(self.keys.close)
        await self.keys.start()
        self.bus = await make_bus(settings.redis_url, self.metrics)
        self._stack.push_async_callback(self.bus.close)
        self.storage = make_storage(settings.storage_url, settings.data_dir)
        self.limiter = RateLimiter(settings, self.keys, self.metrics)
        self._stack.push_async_callback(self.limiter.close)
        self.mailer = make_mailer(settings)
        self.sms = make_sms_sender(settings)
        self.links = MediaLinks(self.keys, self.clock, settings.media_link_s)
        self.jobs = SqlJobs(self.db, self.clock, self.metrics)

        # -- accounts and people
        # -- rooms, presence, signaling
        # -- lives and media
        # -- library and feed
        # -- trust and privacy

        await self.jobs.start()
        self._stack.push_async_callback(self.jobs.close)
        application = web.Application(middlewares=[problems], client_max_size=settings.body_limit_bytes)
        application[APP] = self
        mount(application, ROUTES)
        return application

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
        return await check_all(parts)

    async def listening(self, url: str) -> None:
        """Called once the server's own address is known (`http://host:port`)."""
        self.url = self.settings.public_url.rstrip("/") or url

    async def drain(self) -> None:
        """A stop was asked for: no new sessions, clients are told to come back, lives are finished."""
        self.draining = True

    async def close(self) -> None:
        await self._stack.aclose()
