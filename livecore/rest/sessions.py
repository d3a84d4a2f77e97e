"""Signing in, renewing, and the list of open sessions."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from livecore.accounts.passwords import PASSWORD_MAX_CHARS
from livecore.accounts.sessions import Tokens
from livecore.rest.accounts import Device, Login, Password, SignedIn, TokenPair, account_model
from livecore.rest.api import Body, Call, Model, Page, Reply, Routes

if TYPE_CHECKING:
    from livecore.app import App

routes = Routes("sessions")

# A wrong one of any form is a wrong one: what a new password must be like says nothing here.
GivenPassword = Annotated[str, Field(min_length=1, max_length=PASSWORD_MAX_CHARS * 4)]


class SignIn(Body):
    """`login` is the username, the mail address or the phone number; `code` is of the app, or a recovery code, where a second factor is
    on."""

    login: Login
    password: GivenPassword
    device: Device
    code: Annotated[str, Field(min_length=6, max_length=20)] | None = None


class Refresh(Body):
    refresh: Annotated[str, Field(min_length=1, max_length=100)]


class Session(Model):
    """`network` is the /24 or /48 from which it was opened; `online`: its device has a connection now. Times are Unix milliseconds."""

    id: str
    device: str | None
    network: str
    created_at: int
    seen_at: int
    current: bool
    online: bool


class PasswordChange(Body):
    present: GivenPassword
    password: Password


async def _signed_in(app: "App", account_id: str, tokens: Tokens, status: int) -> Reply:
    account, _ = await account_model(app, account_id)
    pair = TokenPair(access=tokens.access, refresh=tokens.refresh, expires_in=tokens.expires_in_s)
    return Reply(SignedIn(account=account, tokens=pair), status=status)


@routes.post("/api/v1/sessions", auth="none", body=SignIn, ok=(201, SignedIn), errors=(401, 403), rate="sign_in_per_address")
async def sign_in(call: Call, body: SignIn) -> Reply:
    """Sign in on a device.

    401 `wrong_login` does not say which of the two was wrong; 401 `second_factor` asks for `code`, 401 `wrong_code` refuses it;
    403 `suspended`. Signing in to an account that waits to be deleted keeps it.
    """
    opened = await call.app.sessions.sign_in(body.login, body.password, body.device.given(), call.address_class, body.code)
    return await _signed_in(call.app, opened.account_id, opened.tokens, 201)


@routes.post(
    "/api/v1/sessions/refresh", auth="none", body=Refresh, ok=(200, SignedIn), errors=(401,), rate="refresh_per_address", idempotent=True
)
async def refresh(call: Call, body: Refresh) -> Reply:
    """Exchange a refresh token for a new pair. It works once; using it again ends the session (401 `refresh_reused`).

    With an `Idempotency-Key` of 16 random bytes or more the same exchange may be tried again until its new token is used."""
    # The key itself: the next try may come from another address.
    account_id, tokens = await call.app.sessions.refresh(body.refresh, call.request.headers.get("Idempotency-Key"))
    return await _signed_in(call.app, account_id, tokens, 200)


@routes.get("/api/v1/me/sessions", auth="any", ok=(200, Page[Session]))
async def list_sessions(call: Call) -> Reply:
    """Open sessions with their devices, the one used last first."""
    here = call.app.presence.own_devices.here(call.me.account_id)
    items = [
        Session(
            id=row.id,
            device=row.device_name,
            network=row.address_class,
            created_at=row.created_ms,
            seen_at=max(row.seen_ms, row.device_seen_ms or 0),
            current=row.id == call.me.session_id,
            online=row.device_id in here,
        )
        for row in await call.app.sessions.of(call.me.account_id)
    ]
    return Reply(Page[Session](items=items))


@routes.delete("/api/v1/me/sessions/{id}", auth="any", ok=(204, None))
async def end_session(call: Call) -> Reply:
    """End a session: its tokens are void at once and its sockets are cut."""
    await call.app.sessions.end_one(call.me, call.path["id"])
    return Reply(status=204)


@routes.delete("/api/v1/me/session", auth="any", ok=(204, None))
async def sign_out(call: Call) -> Reply:
    """Sign out: end the session that asks."""
    await call.app.sessions.end_one(call.me, call.me.session_id)
    return Reply(status=204)


@routes.put("/api/v1/me/password", auth="any", body=PasswordChange, ok=(204, None))
async def change_password(call: Call, body: PasswordChange) -> Reply:
    """Change the password; ends the other sessions. 403 `wrong_password`."""
    await call.app.recovery.change(call.me, body.present, body.password)
    return Reply(status=204)
