"""The second factor at sign-in."""

from typing import Annotated

from pydantic import Field

from livecore.rest.accounts import Code
from livecore.rest.api import Body, Call, Model, Reply, Routes
from livecore.rest.sessions import GivenPassword

routes = Routes("two-factor")


class TwoFactorState(Model):
    enabled: bool
    recovery_codes_left: int


class WithPassword(Body):
    password: GivenPassword


class Enrolment(Model):
    """Shown once: the secret for an authenticator app, and the address that its QR code holds."""

    secret: str
    otpauth: str


class Confirm(Body):
    code: Code


class RecoveryCodes(Model):
    """Shown once; each works once in place of a code of the app."""

    recovery_codes: Annotated[list[str], Field(min_length=1)]


@routes.get("/api/v1/me/two-factor", auth="any", ok=(200, TwoFactorState))
async def state(call: Call) -> Reply:
    """Whether a second factor is asked for at sign-in."""
    enabled, left = await call.app.account_parts.two_factor.state(call.me.account_id)
    return Reply(TwoFactorState(enabled=enabled, recovery_codes_left=left))


@routes.post("/api/v1/me/two-factor", body=WithPassword, ok=(201, Enrolment), errors=(409,))
async def enrol(call: Call, body: WithPassword) -> Reply:
    """Begin: a secret for an authenticator app (RFC 6238). It is asked for once a first code of it was confirmed."""
    made = await call.app.account_parts.two_factor.enrol(call.me, body.password)
    return Reply(Enrolment(secret=made.secret, otpauth=made.address), status=201)


@routes.post("/api/v1/me/two-factor/confirm", body=Confirm, ok=(200, RecoveryCodes), errors=(409,))
async def confirm(call: Call, body: Confirm) -> Reply:
    """Switch it on with a code of the app; answers ten recovery codes."""
    codes = await call.app.account_parts.two_factor.confirm(call.me.account_id, body.code)
    return Reply(RecoveryCodes(recovery_codes=codes))


@routes.delete("/api/v1/me/two-factor", body=WithPassword, ok=(204, None))
async def switch_off(call: Call, body: WithPassword) -> Reply:
    """Switch it off."""
    await call.app.account_parts.two_factor.switch_off(call.me, body.password)
    return Reply(status=204)
