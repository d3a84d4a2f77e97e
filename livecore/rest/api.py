"""How a route is written. One declaration gives the handler its checked input and the
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

- `auth`: "account" (default; a verified, undeclined account), "joining" (also an unverified one), "any" (also one that declined the
  policy), "optional" (`call.principal` may be None), "none", or "staff:moderator" (one of these roles: "staff:legal|admin").
- `params`: a pydantic model of the query; handed over as `call.params`. Path parameters are in `call.path[...]` and are
  declared in the path as `{id}`; `{username}`, `{…_id}` are checked for form (404 when malformed).
- `body`: a pydantic model (unknown fields are refused: 422; `body_limit_bytes` is below the setting of that name), or a `Raw` (media types and a byte limit; the handler reads `call.request`).
- `ok`: (status, model | None | Raw). Lists use `Page[Model]`.
- `errors`: further statuses that the handler may answer; 400, 401, 403, 413, 415, 422, 429, 503 are added where the declaration implies them.
- `rate`: a rule of `config.RATES`, counted per account ("…_per_account") or per address ("…_per_address"). Without one: reads count against
  "read_per_account", changes against "write_per_account", anonymous calls against "anonymous_per_address".
- `Reply(model)`, `Reply(None, status=204)`, or any `aiohttp.web.StreamResponse` for files.
- `etag`: `Reply(model, etag=version)` sets a strong `ETag` and answers `If-None-Match` with 304 (without one, a `GET`'s is the sum of its bytes); `call.if_match(version)` raises 412 when it is stale.
- `Idempotency-Key`: on a route with `idempotent=True` the first answer's resource is found again: the handler receives `call.idempotency_key`
  (hashed with the account) and passes it to its service. The same key with another body or path is refused (422 `idempotency_key_reused`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from livecore import errors
from livecore.ports import Principal
from livecore.rest.reading import address_class, subscriber

if TYPE_CHECKING:
    from livecore.app import App

T = TypeVar("T")

APP: web.AppKey["App"] = web.AppKey("livecore")


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

    @property
    def subscriber(self) -> str:
        """Whom limits by address count."""
        return subscriber(self.address)

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
    # `X-HTTP-Method-Override` stands for a request's own method, whichever that is.
    by_named_method: bool = False

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
