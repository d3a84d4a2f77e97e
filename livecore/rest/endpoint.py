"""How a declared route is admitted, read and answered: who calls and how often, what is given, what goes back."""

import hashlib
import re
from collections.abc import Sequence

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from livecore import errors
from livecore.errors import FieldError, Invalid, Problem
from livecore.ids import is_id
from livecore.rest.answers import REQUEST_ID
from livecore.rest.api import APP, Call, Raw, Reply, Route, Routes
from livecore.rest.reading import bearer, check_declared_length, client_address, fields_of, read_json

_USERNAME = re.compile(r"[A-Za-z0-9_.]{1,40}")
# Of an answer without a version of its own: two that differ never meet by chance, and it takes a microsecond a kilobyte.
ETAG_BYTES = 16
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Endpoint:
    """One mounted route: admits (who, how often), reads, calls, answers."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.roles = frozenset(route.auth.partition(":")[2].split("|")) if route.auth.startswith("staff:") else frozenset[str]()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        try:
            response = await self._respond(request)
        except Problem as problem:
            problem.headers |= self.route.headers
            raise
        if not response.prepared:
            response.headers.update(self.route.headers)
        return response

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        app = request.app[APP]
        route = self.route
        call = Call(
            app=app,
            request=request,
            principal=None,
            path=request.match_info,
            address=client_address(request, app.settings.trusted_proxies),
            request_id=request.get(REQUEST_ID, ""),
        )
        await self._admit(call)
        for name, value in call.path.items():
            if (name == "id" or name.endswith("_id")) and not is_id(value):
                raise errors.NotFound()
            if name == "username" and not _USERNAME.fullmatch(value):
                raise errors.NotFound()
        if route.params is not None:
            call.params = self._params(request)
        elif request.query_string and request.method in ("GET", "DELETE") and "token" not in request.query:
            raise Invalid([FieldError(name, "is not known here") for name in dict.fromkeys(request.query)])
        if route.idempotent:
            call.idempotency_key = self._idempotency(call)
        if isinstance(route.body, Raw):
            if route.body.media_types and request.content_type not in route.body.media_types and "*/*" not in route.body.media_types:
                raise errors.WrongMedia(
                    f"Send {' or '.join(route.body.media_types)}.", headers={"Accept": ", ".join(route.body.media_types)}
                )
            if route.body.limit_bytes is not None:
                check_declared_length(request, route.body.limit_bytes)
            reply = await route.handler(call)
        elif route.body is not None:
            limit_bytes = min(route.body_limit_bytes or app.settings.body_limit_bytes, app.settings.body_limit_bytes)
            body = await read_json(request, route.body, limit_bytes)
            # Where nobody is signed in the route itself knows what a key stands for (`sessions/refresh`).
            if call.idempotency_key is not None and call.principal is not None:
                async with app.platform.idempotency.use(call.idempotency_key, request.path, body.model_dump_json().encode()):
                    reply = await route.handler(call, body)
            else:
                reply = await route.handler(call, body)
        else:
            reply = await route.handler(call)
        if isinstance(reply, web.StreamResponse):
            return reply
        return self._answer(request, reply)

    async def _admit(self, call: Call) -> None:
        route, request, app = self.route, call.request, call.app
        token = bearer(request)
        if route.auth != "none" and token is not None:
            try:
                call.principal = await app.authenticator.authenticate(token)
            except errors.Unauthorised:
                if route.auth != "optional":
                    await app.limiter.hit("anonymous_per_address", call.subscriber)
                    raise
        if route.auth not in ("none", "optional") and call.principal is None:
            await app.limiter.hit("anonymous_per_address", call.subscriber)
            raise errors.Unauthorised()
        rule = route.rate
        if rule is None:
            per_account = "read_per_account" if request.method in ("GET", "HEAD") else "write_per_account"
            rule = "anonymous_per_address" if call.principal is None else per_account
        if rule.endswith("_per_address"):
            await app.limiter.hit(rule, call.subscriber)
        elif call.principal is not None:
            await app.limiter.hit(rule, call.principal.account_id)
        if call.principal is not None:
            await app.check_principal(call.principal, route.auth)
        if self.roles and not (self.roles & call.me.staff):
            raise errors.Forbidden("This needs a staff role.", type="staff_only")

    def _params(self, request: web.Request) -> BaseModel:
        assert self.route.params is not None
        repeated = [name for name in set(request.query) if len(request.query.getall(name)) > 1]
        if repeated:
            raise Invalid([FieldError(name, "is given more than once") for name in sorted(repeated)])
        try:
            return self.route.params.model_validate(dict(request.query))
        except ValidationError as exc:
            raise Invalid(fields_of(exc)) from exc

    def _idempotency(self, call: Call) -> str | None:
        header = call.request.headers.get("Idempotency-Key")
        if header is None:
            return None
        if not _IDEMPOTENCY_KEY.fullmatch(header):
            raise Invalid([FieldError("Idempotency-Key", "1 to 255 printable characters")])
        who = call.principal.account_id if call.principal else call.address
        return hashlib.sha256(f"{who}\n{self.route.operation_id}\n{header}".encode()).hexdigest()

    def _answer(self, request: web.Request, reply: Reply) -> web.Response:
        status = reply.status or self.route.ok[0][0]
        headers = reply.headers
        body, etag = None, reply.etag
        if reply.content is not None:
            if isinstance(reply.content, BaseModel):
                body = reply.content.model_dump_json(by_alias=True).encode()
            else:
                body = orjson.dumps(reply.content)
            if etag is None and status == 200 and request.method in ("GET", "HEAD") and "ETag" not in headers:
                etag = hashlib.blake2b(body, digest_size=ETAG_BYTES).hexdigest()
        # What staff read about others is kept by no browser.
        headers.setdefault("Cache-Control", "no-store" if etag is None or self.roles else "private, no-cache")
        if etag is not None:
            headers["ETag"] = f'"{etag}"'
            # Two accounts in one browser read the same addresses.
            headers.setdefault("Vary", "Authorization")
            if request.method in ("GET", "HEAD") and _none_match(request.headers.get("If-None-Match"), etag):
                return web.Response(status=304, headers=headers)
        if body is None:
            return web.Response(status=204 if status == 200 else status, headers=headers)
        return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def _none_match(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or f'"{etag}"' in tags


async def _expected(request: web.Request) -> web.StreamResponse | None:
    """Handlers that read a body themselves invite it, see `Call.invite_body`. Raises 417 for another expectation."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed(text="100-continue is meant")
    return None


class ByNamedMethod:
    """All routes of one address: `X-HTTP-Method-Override` names the one that is meant, whatever the request's own method."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._endpoints = {route.method: Endpoint(route) for route in routes}
        self._refusal_headers = {"Allow": ", ".join(sorted(self._endpoints))} | dict(routes[0].headers)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        endpoint = self._endpoints.get(request.headers.get("X-HTTP-Method-Override", request.method).strip().upper())
        if endpoint is None:
            raise errors.NotAllowed(headers=self._refusal_headers)
        return await endpoint(request)


def mount(application: web.Application, groups: Sequence[Routes]) -> None:
    for group in groups:
        if group.by_named_method:
            for path in dict.fromkeys(route.path for route in group.all):
                named = ByNamedMethod([route for route in group.all if route.path == path])
                application.router.add_route("*", path, named.__call__, expect_handler=_expected)
            continue
        for route in group.all:
            if route.method == "GET":
                application.router.add_get(route.path, Endpoint(route).__call__, allow_head=True)
            elif isinstance(route.body, Raw) and route.body.by_invitation:
                application.router.add_route(route.method, route.path, Endpoint(route).__call__, expect_handler=_expected)
            else:
                application.router.add_route(route.method, route.path, Endpoint(route).__call__)
