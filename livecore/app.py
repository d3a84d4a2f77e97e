"""The life of one main process: `App.start` brings everything up, `App.close` takes it down the other way round.

What it is made of is in `livecore.parts`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from livecore import errors
from livecore.config import Settings
from livecore.live_plane import LivePlane
from livecore.lives.course import Course
from livecore.media.recorder_metrics import RecorderCollector
from livecore.parts import Parts
from livecore.platform.clock import SystemClock
from livecore.ports import Clock, Principal
from livecore.rest import ROUTES, openapi, whip
from livecore.rest.answers import problems
from livecore.rest.api import APP
from livecore.rest.endpoint import mount
from livecore.rest.web import WEB_DEMO, WebDemo, origin_of

# Set on an account that declined the policy: only these answer (row 72 of the promises).
_OPEN_WHEN_DECLINED = "any"
# Set on an account that is not confirmed yet: what one decides before anybody sees one.
_OPEN_BEFORE_CONFIRMED = "joining"


class App(Parts):
    """The application of one main process."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        super().__init__(settings, clock or SystemClock())
        self.draining = False
        self._openapi: dict[str, Any] | None = None

    async def start(self, *, serving: bool = True) -> web.Application:
        """Connect the engines, bring the schema up to date, build the services, answer the HTTP application (not yet listening).

        Without `serving` no job is run and no media worker or recorder is spoken to: a command-line call beside a running server.
        """
        settings = self.settings
        await self._build()
        if serving:
            await self.jobs.start()
            await self.platform.idempotency.start()
            self._stack.push_async_callback(self.jobs.close)
            await self.retention.start()
            self.meetings.start()
            self._stack.push_async_callback(self.meetings.close)
            await self._start_live_plane()
        elsewhere = await self.storage.signed_url("origin", 1) if settings.send_files == "redirect" else None
        demo = WebDemo.at(WEB_DEMO, origin_of(elsewhere or ""))
        application = web.Application(middlewares=[problems, demo.strayed], client_max_size=settings.body_limit_bytes)
        application.on_response_prepare.append(whip.expose)
        application[APP] = self
        mount(application, ROUTES)
        self.gateway.attach(application)
        application.add_routes(demo.routes())
        return application

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
        plane = LivePlane(self.media, self.settings.recorder_socket, self.origin, self.settings.media_counters_s)
        self.metrics.registry.register(RecorderCollector(lambda: plane.recorder_stats, self.origin))
        await plane.start(course)
        self._stack.push_async_callback(plane.close)

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
        if not principal.verified and auth != _OPEN_BEFORE_CONFIRMED:
            raise errors.Forbidden("Confirm your phone and your mail address first.", type="unverified")

    async def ready(self) -> dict[str, bool]:
        """What `/readyz` says: each part and whether it answers."""
        return await self.platform.ready() | {"accepting": not self.draining}

    async def listening(self, url: str) -> None:
        """Called once the server's own address is known (`http://host:port`)."""
        self.url = self.settings.public_url.rstrip("/") or url

    async def drain(self) -> None:
        """A stop was asked for: no new sessions, clients are told to come back, lives are finished."""
        self.draining = True
        await self.gateway.drain()

    async def close(self) -> None:
        await self._stack.aclose()
