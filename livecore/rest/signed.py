"""Signed addresses of media: who asks, which bytes an address stands for, and how long a browser may keep them.

The bytes behind one signed address never change: what can be made anew (a poster, the file to play) carries the start of its digest as
`v`, and an address whose bytes were followed by others answers 410. The address itself stays the same for hours (`MediaLinks`). See
docs/decisions/0020-addresses-that-stay.md.
"""

from dataclasses import dataclass

from pydantic import Field

from livecore import errors
from livecore.rest.api import Call, Params

TOKEN_LIMIT_CHARS = 1024
_VERSION_CHARS = 16


class FileParams(Params):
    token: str | None = Field(default=None, max_length=TOKEN_LIMIT_CHARS, description="A signed link's token, instead of a bearer token.")


class BytesParams(FileParams):
    """Of what may be made anew."""

    v: str | None = Field(
        default=None, max_length=_VERSION_CHARS, description="Which bytes the address stands for; 410 once others took their place."
    )


@dataclass(frozen=True)
class Viewer:
    """`ends_ms`: when the signed address ends that they came by; None for a bearer token."""

    account_id: str
    ends_ms: int | None = None


async def viewer_of(call: Call) -> Viewer:
    """Who asks for bytes: the bearer of a token, or of a signed link."""
    if call.principal is not None:
        await call.app.check_principal(call.principal, "account")
        return Viewer(call.principal.account_id)
    if call.params.token is None:
        raise errors.Unauthorised()
    return await holder_of(call, call.params.token, call.request.path)


async def holder_of(call: Call, token: str, path: str) -> Viewer:
    """Whom a link to `path` was given to, while their account is one. Raises Forbidden, Gone."""
    grant = call.app.links.check(token, path)
    if not await call.app.directory.is_active(grant.account_id):
        raise errors.Forbidden("This link is not valid any more.", type="bad_link")
    return Viewer(grant.account_id, grant.expires_ms)


def version(digest: str) -> str:
    """`v` of an address, of the bytes' digest in hexadecimal."""
    return digest[:_VERSION_CHARS]


def check_version(call: Call, digest: str) -> None:
    """Raises Gone for an address of other bytes than these."""
    if call.params.v is not None and call.params.v != version(digest):
        raise errors.Gone("Other bytes took the place of these.", type="replaced")


def keeping(call: Call, ends_ms: int | None) -> dict[str, str]:
    """How long a browser may show what a fixed address gave, without asking: as the operator says, and never past the address's own end.
    `ends_ms` None: the address is not signed, or not of these bytes alone."""
    left_s = 0 if ends_ms is None else (ends_ms - call.app.clock.at_ms()) // 1000
    seconds = min(call.app.settings.media_cache_s, left_s)
    return {"Cache-Control": f"private, max-age={seconds}, immutable" if seconds > 0 else "private, no-cache"}
