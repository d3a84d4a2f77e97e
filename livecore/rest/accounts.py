"""Sign-up, confirmation of phone and mail, forgotten passwords."""

import contextlib
import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from livecore.accounts.contact import check_email, check_phone
from livecore.accounts.devices import DeviceGiven
from livecore.accounts.passwords import PASSWORD_MAX_CHARS, check_password
from livecore.accounts.registration import Application
from livecore.accounts.usernames import check_username
from livecore.accounts.wording import NAME_LIMIT_CHARS, check_line
from livecore.rest.api import Body, Call, Model, Reply, Routes

if TYPE_CHECKING:
    from livecore.app import App

routes = Routes("accounts")

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Username = Annotated[str, Field(max_length=64), AfterValidator(check_username)]
Password = Annotated[str, Field(max_length=PASSWORD_MAX_CHARS * 4), AfterValidator(check_password)]
Email = Annotated[str, Field(max_length=320), AfterValidator(check_email)]
Phone = Annotated[str, Field(max_length=40), AfterValidator(check_phone)]
Name = Annotated[str, Field(max_length=400), AfterValidator(lambda value: check_line(value, NAME_LIMIT_CHARS))]


def _day(value: object) -> date:
    # A number of seconds or a time of day is no birthday, though it could be read as one.
    if isinstance(value, str) and _ISO_DAY.fullmatch(value):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(value)
    raise ValueError("is not a day such as 1990-05-17")


BirthDate = Annotated[date, BeforeValidator(_day)]
Code = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
Login = Annotated[str, Field(min_length=1, max_length=320)]


class Device(Body):
    """A browser profile or an installation: `id` is the client's own and stays the same."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
    name: Annotated[str, Field(max_length=400), AfterValidator(lambda value: check_line(value, NAME_LIMIT_CHARS))]

    def given(self) -> DeviceGiven:
        return DeviceGiven(self.id, self.name)


class Accept(Body):
    """The versions of the policies that the person agrees to; `true` stands for the ones in force."""

    privacy: str | int | bool
    terms: str | int | bool


class AccountNew(Body):
    username: Username
    password: Password
    name: Name
    email: Email
    phone: Phone
    birth_date: BirthDate
    accept: Accept
    device: Device


class Account(Model):
    """One's own account. Optional fields are null until given. Times are Unix milliseconds."""

    id: str
    username: str
    name: str
    email: str
    phone: str
    birth_date: date
    email_verified: bool
    phone_verified: bool
    pending_email: str | None
    pending_phone: str | None
    profile_name: str | None
    gender: str | None
    age_info: str | None
    status_message: str | None
    interests: list[str]
    languages: list[str]
    region: str | None
    avatar: str | None
    staff: list[str]
    policy_declined: bool
    created_at: int


class TokenPair(Model):
    """`expires_in` is seconds, of the access token."""

    access: str
    refresh: str
    expires_in: int


class SignedIn(Model):
    account: Account
    tokens: TokenPair


class Verify(Body):
    channel: Literal["phone", "email"]
    code: Code


class Resend(Body):
    channel: Literal["phone", "email"]


class Forgot(Body):
    login: Login


class Reset(Body):
    login: Login
    code: Code
    password: Password


async def account_model(app: "App", account_id: str) -> tuple[Account, str]:
    """One's own account and its ETag: its version, and whose it is, since all read theirs at one address."""
    person = await app.accounts.person(account_id)
    pending = await app.verification.pending(account_id)
    traits = (await app.account_parts.traits.of([account_id]))[account_id]
    model = Account(
        id=person.id,
        username=person.username,
        name=person.name,
        email=person.email,
        phone=person.phone,
        birth_date=person.birth_date,
        email_verified=person.email_verified_ms is not None,
        phone_verified=person.phone_verified_ms is not None,
        pending_email=pending.get("email"),
        pending_phone=pending.get("phone"),
        profile_name=person.profile_name,
        gender=person.gender,
        age_info=person.age_info,
        status_message=person.status_message,
        interests=list(traits.interests),
        languages=list(traits.languages),
        region=traits.region,
        avatar=app.avatars.link(person.avatar_id, person.id) if person.avatar_id else None,
        staff=list(person.staff),
        policy_declined=person.declined,
        created_at=person.created_ms,
    )
    return model, f"{person.version}-{account_id}"


@routes.post("/api/v1/accounts", auth="none", body=AccountNew, ok=(201, SignedIn), errors=(409,), rate="sign_up_per_address")
async def sign_up(call: Call, body: AccountNew) -> Reply:
    """Make an account.

    For people of 18 and older: below that 422 `underage`, and nothing of what was sent is kept. Codes go to the phone and to the
    mail address; until both are confirmed the account can confirm them, change them, and leave. 409 `username_taken` also for a
    name that looks like one that is taken; 409 `contact_taken` does not say which of mail and phone it means.
    """
    application = Application(
        username=body.username,
        password=body.password,
        name=body.name,
        email=body.email,
        phone=body.phone,
        birth_date=body.birth_date,
        accept=body.accept.model_dump(),
        device=body.device.given(),
    )
    opened = await call.app.registration.sign_up(application, call.address_class)
    account, _ = await account_model(call.app, opened.account_id)
    tokens = TokenPair(access=opened.tokens.access, refresh=opened.tokens.refresh, expires_in=opened.tokens.expires_in_s)
    return Reply(SignedIn(account=account, tokens=tokens), status=201, headers={"Location": "/api/v1/me"})


@routes.post("/api/v1/accounts/verify", auth="any", body=Verify, ok=(200, Account), errors=(409, 410))
async def verify(call: Call, body: Verify) -> Reply:
    """Confirm the phone or the mail address, or a new one, with the code that was sent there.

    A code lives ten minutes and works once (410 after that). After five wrong tries it is void: 429 `code_void`.
    """
    await call.app.verification.verify(call.me.account_id, body.channel, body.code)
    account, version = await account_model(call.app, call.me.account_id)
    return Reply(account, etag=version)


@routes.post("/api/v1/accounts/verify/resend", auth="any", body=Resend, ok=(202, None), errors=(409,))
async def resend(call: Call, body: Resend) -> Reply:
    """Send a new code; the last one is void."""
    await call.app.verification.resend(call.me.account_id, body.channel)
    return Reply(status=202)


@routes.post("/api/v1/password/forgot", auth="none", body=Forgot, ok=(202, None), rate="sign_in_per_address")
async def forgot_password(call: Call, body: Forgot) -> Reply:
    """Send a code to the account's mail address. The answer is the same when there is no such account."""
    await call.app.recovery.forgot(body.login)
    return Reply(status=202)


@routes.post("/api/v1/password/reset", auth="none", body=Reset, ok=(204, None), errors=(410,), rate="sign_in_per_address")
async def reset_password(call: Call, body: Reset) -> Reply:
    """Set a new password with the code; ends every session."""
    await call.app.recovery.reset(body.login, body.code, body.password)
    return Reply(status=204)
