"""What can go wrong for a client, as values that both edges translate (RFC 9457 problem details).

    Problem
    ├── Invalid             422  a field is missing, malformed or out of range; names each one
    ├── Malformed           400  the request itself cannot be read
    ├── Unauthorised        401  no token, or one that is expired or unknown
    ├── Forbidden           403  known, but not allowed
    ├── NotFound            404  not there, or not there for this person
    ├── NotAllowed          405  another method is meant
    ├── Conflict            409  the state does not permit it
    ├── Gone                410  it was there
    ├── StaleTag            412  If-Match names an older version
    ├── TooLarge            413  over a limit in bytes
    ├── WrongMedia          415  a content type that is not taken
    ├── RangeUnsatisfiable  416  past the end
    ├── Locked              423  somebody else works on it right now
    ├── NeedsTag            428  If-Match is needed here
    ├── TooMany             429  over a limit in requests; says when to come back
    ├── LegallyUnavailable  451  refused for legal reasons
    ├── ChecksumMismatch    460  the bytes are not those that were sent (tus)
    ├── Unavailable         503  a part of the platform is away; says when to come back
    └── NoSpace             507  no room for it

`type` is a short word that clients may rely on; on the wire it is the last part of a URI reference
(`/problems/not_friends`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """`field` is a dotted path into the body (`device.id`); `reason` is a sentence for a person."""

    field: str
    reason: str


class Problem(Exception):
    """Base of all problems. `extra` members are added to the problem document as they are."""

    status = 500
    type = "internal"
    title = "Something went wrong on our side"

    def __init__(
        self,
        detail: str | None = None,
        *,
        type: str | None = None,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail or title or self.title)
        self.detail = detail
        if type is not None:
            self.type = type
        if title is not None:
            self.title = title
        self.headers = dict(headers or {})
        self.extra = extra

    def document(self) -> dict[str, Any]:
        """The problem document; `type` is a URI reference relative to the server."""
        body: dict[str, Any] = {"type": f"/problems/{self.type}", "title": self.title, "status": self.status}
        if self.detail:
            body["detail"] = self.detail
        return body | self.extra


class Invalid(Problem):
    status = 422
    type = "invalid"
    title = "Some fields are missing or not right"

    def __init__(self, errors: Sequence[FieldError], **kwargs: Any) -> None:
        super().__init__(errors=[{"field": e.field, "reason": e.reason} for e in errors], **kwargs)
        self.errors = tuple(errors)


class Malformed(Problem):
    status = 400
    type = "malformed"
    title = "The request cannot be read"


class Unauthorised(Problem):
    status = 401
    type = "unauthorised"
    title = "Sign in first"

    def __init__(self, detail: str | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("headers", {"WWW-Authenticate": "Bearer"})
        super().__init__(detail, **kwargs)


class Forbidden(Problem):
    status = 403
    type = "forbidden"
    title = "That is not allowed"


class NotFound(Problem):
    status = 404
    type = "not_found"
    title = "There is nothing here"


class NotAllowed(Problem):
    status = 405
    type = "method_not_allowed"
    title = "That method does not work here"


class Conflict(Problem):
    status = 409
    type = "conflict"
    title = "That does not fit the present state"


class Gone(Problem):
    status = 410
    type = "gone"
    title = "That is no longer here"


class StaleTag(Problem):
    status = 412
    type = "stale"
    title = "Somebody changed this meanwhile; read it again"


class TooLarge(Problem):
    status = 413
    type = "too_large"
    title = "That is larger than is taken here"


class WrongMedia(Problem):
    status = 415
    type = "wrong_media"
    title = "That kind of content is not taken here"


class RangeUnsatisfiable(Problem):
    status = 416
    type = "range"
    title = "The range lies outside the content"


class Locked(Problem):
    status = 423
    type = "locked"
    title = "Something else works on this right now"

    def __init__(self, detail: str | None = None, *, retry_after_s: int = 1, **kwargs: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)}, **kwargs)


class NeedsTag(Problem):
    status = 428
    type = "needs_tag"
    title = "If-Match is needed here"


class TooMany(Problem):
    status = 429
    type = "too_many"
    title = "Slow down"

    def __init__(self, retry_after_s: float, detail: str | None = None, **kwargs: Any) -> None:
        seconds = max(1, int(retry_after_s + 0.999))
        super().__init__(detail, headers={"Retry-After": str(seconds)}, retry_after=seconds, **kwargs)


class LegallyUnavailable(Problem):
    status = 451
    type = "legal"
    title = "Not available for legal reasons"


class ChecksumMismatch(Problem):
    """A status of the tus protocol; no bytes of the request were kept."""

    status = 460
    type = "checksum"
    title = "The bytes are not those that were sent"


class Unavailable(Problem):
    status = 503
    type = "unavailable"
    title = "A part of the platform is away for a moment"

    def __init__(self, detail: str | None = None, *, retry_after_s: int = 2, **kwargs: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)}, **kwargs)


class NoSpace(Problem):
    status = 507
    type = "no_space"
    title = "There is no room for that"


class ConfigError(Exception):
    """A setting that cannot work; the text names it and says what would. Ends the program with status 2."""
