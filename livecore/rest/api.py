"""How a route is written, admitted and answered. One declaration gives the handler its checked input and the
published OpenAPI its truth.

    routes = Routes("people")

    class FriendRequestNew(Body):
        username: Username

    class FriendRequest(Model):
        id: str
        …

    @routes.post("/api/v1/friend-requests", body=FriendRequestNew, ok=(201, FriendRequest), errors=(404, 409), rate="friend_request_per_account")
    async def ask(call: Call, body: FriendRequestNew) -> Reply:
        request = await call.app.people.request_friendship(call.me, body.username)
        return Reply(FriendRequest(...), status=201, headers={"Location": …})

- `auth`: "account" (default; a verified, undeclined account), "any" (also an unverified account or one that declined the
  policy), "optional" (`call.principal` may be None), "none", or "staff:moderator" (one of these roles: "staff:legal|admin").
- `params`: a pydantic model of the query; handed over as `call.params`. Path parameters are in `call.path[...]` and are
  declared in the path as `{id}`; `{username}`, `{…_id}` are checked for form (404 when malformed).
- `body`: a pydantic model (unknown fields are refused: 422; `body_limit_bytes` is below the setting of that name), or a `Raw` (media types and a byte limit; the handler reads `call.request`).
- `ok`: (status, model | None | Raw). Lists use `Page[Model]`.
- `errors`: further statuses that the handler may answer; 400, 401, 403, 413, 415, 422, 429, 503 are added where the declaration implies them.
- `rate`: a rule of `config.RATES`, counted per account ("…_per_account") or per address ("…_per_address"). Without one: reads count against
  "read_per_account", changes against "write_per_account", anonymous calls against "anonymous_per_address".
- `Reply(model)`, `Reply(None, status=204)`, or any `aiohttp.web.StreamResponse` for files.
- `etag`: `Reply(model, etag=version)` sets a strong `ETag` and answers `If-None-Match` with 304; `call.if_match(version)` raises 412 when it is stale.
- `Idempotency-Key`: on a route with `idempotent=True` the first answer's resource is found again: the handler receives `call.idempotency_key`
  (hashed with the account) and passes it to its service.
"""

import hashlib
import ipaddress
import json
import re
import ssl
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import orjson
import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from livecore import errors
from livecore.errors import FieldError, Invalid, Problem
from livecore.ids import is_id
from livecore.ports import Principal

if TYPE_CHECKING:
    from livecore.app import App

log = structlog.get_logger("rest")

T = TypeVar("T")

APP: web.AppKey["App"] = web.AppKey("livecore")
REQUEST_ID = web.RequestKey("request_id", str)
PROBLEM_TYPE = "application/problem+json"
_USERNAME = re.compile(r"[A-Za-z0-9_.]{1,40}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Model(BaseModel):
    """An answer. Field names are wire names."""

    model_config = ConfigDict(extra="forbid")


class Body(BaseModel):
    """A request body. Unknown fields are refused, strings are not coerced from numbers."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)


class Params(BaseModel):
    """A query string."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Page(Model, Generic[T]):
    items: list[T]
    next_cursor: str | None = None


@dataclass(frozen=True)
class Raw:
    """A body or an answer that is not JSON: its media types and, for a body, its limit in bytes (None = the handler's own)."""

    media_types: tuple[str, ...]
    limit_bytes: int | None = None
    description: str = ""
    # The handler asks for the bytes by `Call.invite_body`, so that it may refuse before they are sent.
    by_invitation: bool = False


class Reply:
    """`content`: a model, or on a hot path what `model_dump` of the declared one would give (tests compare the two)."""

    def __init__(
        self,
        content: BaseModel | Mapping[str, Any] | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        etag: str | None = None,
    ) -> None:
        self.content = content
        self.status = status
        self.headers = dict(headers or {})
        self.etag = etag


@dataclass
class Call:
    """One request, admitted."""

    app: "App"
    request: web.Request
    principal: Principal | None
    path: Mapping[str, str]
    params: Any = None
    address: str = ""  # the client's, as far as trusted proxies tell
    request_id: str = ""
    idempotency_key: str | None = None
    is_invited: bool = False

    @property
    def me(self) -> Principal:
        """The signed-in account; only on routes with auth."""
        if self.principal is None:
            raise errors.Unauthorised()
        return self.principal

    @property
    def address_class(self) -> str:
        """The network an address lies in (/24 or /48): enough for safety, not a person's whereabouts."""
        return address_class(self.address)

    async def invite_body(self) -> None:
        """Ask for the bytes of a `Raw` body from a client that waits to be asked (`Expect: 100-continue`): after all that can be refused
        without them."""
        transport = self.request.transport
        if self.request.headers.get("Expect", "").lower() == "100-continue" and transport is not None and not self.is_invited:
            self.is_invited = True
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def if_match(self, version: str, *, required: bool = False) -> None:
        """Raises 412 when the client's If-Match names another version, 428 when it is needed and missing."""
        header = self.request.headers.get("If-Match")
        if header is None:
            if required:
                raise errors.NeedsTag()
            return
        if header.strip() != "*" and f'"{version}"' not in [tag.strip() for tag in header.split(",")]:
            raise errors.StaleTag()


Handler = Callable[..., Awaitable[Reply | web.StreamResponse]]


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    handler: Handler
    tag: str
    auth: str
    body: type[BaseModel] | Raw | None
    params: type[Params] | None
    ok: tuple[tuple[int, Any], ...]
    errors: tuple[int, ...]
    rate: str | None
    body_limit_bytes: int | None
    idempotent: bool
    summary: str
    description: str
    hidden: bool
    headers: Mapping[str, str]  # on every answer of the route, refusals too

    @property
    def operation_id(self) -> str:
        return f"{self.tag}_{self.handler.__name__}"


@dataclass
class Routes:
    """The routes of one resource, collected by `livecore.rest` and mounted by `app`."""

    tag: str
    all: list[Route] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)

    def route(
        self,
        method: str,
        path: str,
        *,
        auth: str = "account",
        body: type[BaseModel] | Raw | None = None,
        params: type[Params] | None = None,
        ok: tuple[int, Any] | Sequence[tuple[int, Any]] = (200, None),
        errors: Sequence[int] = (),
        rate: str | None = None,
        body_limit_bytes: int | None = None,
        idempotent: bool = False,
        hidden: bool = False,
    ) -> Callable[[Handler], Handler]:
        answers = (ok,) if isinstance(ok[0], int) else tuple(ok)

        def declare(handler: Handler) -> Handler:
            text = (handler.__doc__ or handler.__name__.replace("_", " ")).strip()
            summary, _, description = text.partition("\n")
            self.all.append(
                Route(
                    method=method,
                    path=path,
                    handler=handler,
                    tag=self.tag,
                    auth=auth,
                    body=body,
                    params=params,
                    ok=answers,
                    errors=tuple(errors),
                    rate=rate,
                    body_limit_bytes=body_limit_bytes,
                    idempotent=idempotent,
                    summary=summary.strip().rstrip("."),
                    description="\n".join(line.strip() for line in description.strip().splitlines()),
                    hidden=hidden,
                    headers=self.headers,
                )
            )
            return handler

        return declare

    def get(self, path: str, **kwargs: Any) -> Callable[[Handler], Handler]:
        return self.route("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> Callable[[Handler], Handler]:
        return self.route("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> Callable[[Handler], Handler]:
        return self.route("PUT", path, **kwargs)

    def patch(self, path: str, **kwargs: Any) -> Callable[[Handler], Handler]:
        return self.route("PATCH", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Callable[[Handler], Handler]:
        return self.route("DELETE", path, **kwargs)


def json_response(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None, media: str = "application/json"
) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, headers=headers, content_type=media)


def problem_response(problem: Problem, request_id: str = "") -> web.Response:
    body = problem.document()
    if request_id:
        body["instance"] = f"/requests/{request_id}"
    return json_response(body, problem.status, problem.headers, PROBLEM_TYPE)


def address_class(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network(f"{ip}/{24 if ip.version == 4 else 48}", strict=False))


def client_address(request: web.Request, trusted_proxies: int) -> str:
    """The nearest address that no trusted proxy stands for (X-Forwarded-For read from the right)."""
    peer = request.remote or ""
    if not trusted_proxies:
        return peer
    hops = [hop.strip() for value in request.headers.getall("X-Forwarded-For", []) for hop in value.split(",") if hop.strip()]
    return hops[-trusted_proxies] if len(hops) >= trusted_proxies else peer


def fields_of(exc: ValidationError, prefix: str = "") -> list[FieldError]:
    """Pydantic's errors in our words; values are never repeated (they may be somebody's data)."""
    found = []
    for error in exc.errors(include_url=False, include_input=False, include_context=False):
        path = ".".join(str(part) for part in error["loc"] if not (isinstance(part, str) and part.startswith("function-")))
        reason = "is missing" if error["type"] == "missing" else error["msg"].removeprefix("Value error, ")
        found.append(FieldError(f"{prefix}{path}" or "body", reason))
    return found


def _declared_length(request: web.Request, limit_bytes: int) -> None:
    if request.content_length is not None and request.content_length > limit_bytes:
        raise errors.TooLarge(f"At most {limit_bytes} bytes.")


async def read_json(request: web.Request, model: type[BaseModel], limit_bytes: int) -> BaseModel:
    """Raises Malformed, WrongMedia, TooLarge or Invalid."""
    if request.content_type not in ("application/json", "application/octet-stream") or (
        request.content_type == "application/octet-stream" and "Content-Type" in request.headers
    ):
        raise errors.WrongMedia("Send application/json.", headers={"Accept": "application/json"})
    data = await read_bytes(request, limit_bytes)
    if not data:
        data = b"{}"
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        raise errors.Malformed("The body is not JSON.") from exc
    if not isinstance(content, dict):
        raise Invalid([FieldError("body", "must be an object")])
    try:
        return model.model_validate(content)
    except ValidationError as exc:
        raise Invalid(fields_of(exc)) from exc
    except RecursionError as exc:
        raise errors.Malformed("The body is nested too deeply.") from exc


async def read_bytes(request: web.Request, limit_bytes: int) -> bytes:
    """The whole body, never more than the limit in memory."""
    _declared_length(request, limit_bytes)
    data = bytearray()
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > limit_bytes:
            raise errors.TooLarge(f"At most {limit_bytes} bytes.")
    return bytes(data)


def bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


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
                _declared_length(request, route.body.limit_bytes)
            reply = await route.handler(call)
        elif route.body is not None:
            limit_bytes = min(route.body_limit_bytes or app.settings.body_limit_bytes, app.settings.body_limit_bytes)
            reply = await route.handler(call, await read_json(request, route.body, limit_bytes))
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
                    await app.limiter.hit("anonymous_per_address", call.address)
                    raise
        if route.auth not in ("none", "optional") and call.principal is None:
            await app.limiter.hit("anonymous_per_address", call.address)
            raise errors.Unauthorised()
        rule = route.rate
        if rule is None:
            per_account = "read_per_account" if request.method in ("GET", "HEAD") else "write_per_account"
            rule = "anonymous_per_address" if call.principal is None else per_account
        if rule.endswith("_per_address"):
            await app.limiter.hit(rule, call.address)
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
        headers.setdefault("Cache-Control", "no-store" if reply.etag is None else "private, no-cache")
        if reply.etag is not None:
            headers["ETag"] = f'"{reply.etag}"'
            if request.method in ("GET", "HEAD") and _none_match(request.headers.get("If-None-Match"), reply.etag):
                return web.Response(status=304, headers=headers)
        if reply.content is None:
            return web.Response(status=204 if status == 200 else status, headers=headers)
        if isinstance(reply.content, BaseModel):
            body = reply.content.model_dump_json(by_alias=True).encode()
        else:
            body = orjson.dumps(reply.content)
        return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def _none_match(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or f'"{etag}"' in tags


@web.middleware
async def problems(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Every refusal becomes a problem document; what a client sent never becomes a stack trace."""
    given = request.headers.get("X-Request-Id", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    request[REQUEST_ID] = request_id
    started = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    try:
        response = await handler(request)
    except Problem as problem:
        response = problem_response(problem, request_id)
    except web.HTTPException as exc:
        response = _translated(request, exc, request_id)
    except (ConnectionError, ssl.SSLError):
        raise
    except json.JSONDecodeError:
        response = problem_response(errors.Malformed(), request_id)
    except Exception:
        log.exception("request failed", method=request.method, route=_route_name(request))
        response = problem_response(Problem(), request_id)
    if not response.prepared:
        response.headers.setdefault("X-Request-Id", request_id)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
    request.app[APP].metrics.observe_request(request.method, _route_name(request), response.status, time.perf_counter() - started)
    return response


def _route_name(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


_BY_STATUS: dict[int, type[Problem]] = {
    400: errors.Malformed,
    404: errors.NotFound,
    405: errors.NotAllowed,
    413: errors.TooLarge,
    416: errors.RangeUnsatisfiable,
}


def _translated(request: web.Request, exc: web.HTTPException, request_id: str) -> web.StreamResponse:
    """aiohttp's own refusals in our form; its redirects and successes pass."""
    if exc.status < 400:
        return web.Response(status=exc.status, headers={k: v for k, v in exc.headers.items() if k != "Content-Type"})
    problem = _BY_STATUS.get(exc.status, Problem)()
    problem.status = exc.status
    allow = exc.headers.get("Allow")
    if allow:
        problem.headers["Allow"] = allow
    return problem_response(problem, request_id)


async def _expected(request: web.Request) -> web.StreamResponse | None:
    """Handlers that read a body themselves invite it, see `Call.invite_body`. Raises 417 for another expectation."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed(text="100-continue is meant")
    return None


def mount(application: web.Application, groups: Sequence[Routes]) -> None:
    for group in groups:
        for route in group.all:
            if route.method == "GET":
                application.router.add_get(route.path, Endpoint(route).__call__, allow_head=True)
            elif isinstance(route.body, Raw) and route.body.by_invitation:
                application.router.add_route(route.method, route.path, Endpoint(route).__call__, expect_handler=_expected)
            else:
                application.router.add_route(route.method, route.path, Endpoint(route).__call__)


Auth = Literal["account", "any", "optional", "none"]
