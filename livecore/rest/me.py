"""One's own account: profile, picture, settings, activity, leaving."""

import hashlib
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, Field, create_model, model_validator

from livecore.accounts.avatars import MEDIA_TYPES
from livecore.accounts.controls import CONTROLS
from livecore.accounts.traits import INTEREST_LIMIT_CHARS, INTERESTS_LIMIT, LANGUAGES_LIMIT
from livecore.accounts.wording import PROFILE_NAME_LIMIT_CHARS, SHORT_LIMIT_CHARS, STATUS_LIMIT_CHARS, check_line
from livecore.cursors import decode_cursor, encode_cursor
from livecore.ports import Audience
from livecore.rest.accounts import Account, Email, Name, Phone, account_model
from livecore.rest.api import Body, Call, Model, Page, Params, Raw, Reply, Routes
from livecore.rest.reading import read_bytes
from livecore.rest.sessions import GivenPassword

routes = Routes("me")


def _line(limit_chars: int) -> AfterValidator:
    return AfterValidator(lambda value: check_line(value, limit_chars))


ProfileName = Annotated[str, Field(max_length=1000), _line(PROFILE_NAME_LIMIT_CHARS)]
Short = Annotated[str, Field(max_length=1000), _line(SHORT_LIMIT_CHARS)]
Interest = Annotated[
    str, Field(max_length=200), AfterValidator(lambda value: check_line(value.casefold().lstrip("#"), INTEREST_LIMIT_CHARS))
]
# ISO 639 and ISO 3166: a country, or one part of it; nothing closer is kept of where somebody is.
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
Status = Annotated[str, Field(max_length=1000), _line(STATUS_LIMIT_CHARS)]


class AccountPatch(Body):
    """What is left out stays; null clears an optional field. A new mail address or phone number counts once it is confirmed."""

    name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    profile_name: ProfileName | None = None
    gender: Short | None = None
    age_info: Short | None = None
    status_message: Status | None = None
    interests: Annotated[list[Interest], Field(max_length=INTERESTS_LIMIT)] | None = None
    languages: Annotated[list[Language], Field(max_length=LANGUAGES_LIMIT)] | None = None
    region: Region | None = None

    @model_validator(mode="after")
    def _needed(self) -> "AccountPatch":
        emptied = [name for name in ("name", "email", "phone") if name in self.model_fields_set and getattr(self, name) is None]
        if emptied:
            raise ValueError(f"{' and '.join(emptied)} cannot be empty")
        return self


class Leave(Body):
    """`immediately` skips the time to think again; it needs the password. A password that is given must be right."""

    password: GivenPassword | None = None
    immediately: bool = False


class Leaving(Model):
    """Signing in before `erase_at` (Unix milliseconds) keeps the account."""

    erase_at: int


class SettingsView(Model):
    """`schema` is the JSON Schema of `values`: each control with its title, its group (`x-group`) and its default."""

    json_schema: Annotated[dict[str, Any], Field(serialization_alias="schema")]
    values: dict[str, str | bool]


_FIELDS: dict[str, Any] = {
    control.key: (bool if isinstance(control.default, bool) else Audience, control.default) for control in CONTROLS.values()
}
SettingsPatch = create_model("SettingsPatch", __base__=Body, **_FIELDS)

SETTINGS_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        control.key: {**control.schema, "title": control.title, "default": control.default, "x-group": control.group}
        for control in CONTROLS.values()
    },
}


class ActivityEntry(Model):
    """`other` is the username of the person it concerns, null where there is none or they are gone."""

    id: str
    kind: str
    other: str | None
    data: dict[str, Any]
    at: int


class ActivityParams(Params):
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: str | None = None


@routes.get("/api/v1/me", auth="any", ok=(200, Account))
async def me(call: Call) -> Reply:
    """Your own account."""
    account, version = await account_model(call.app, call.me.account_id)
    return Reply(account, etag=version)


@routes.patch("/api/v1/me", auth="any", body=AccountPatch, ok=(200, Account), errors=(409, 412))
async def update(call: Call, body: AccountPatch) -> Reply:
    """Change your account; others see it at their next read. `If-Match` with the ETag of `GET /me` guards against lost changes."""
    _, version = await account_model(call.app, call.me.account_id)
    call.if_match(version)
    guarded = int(version.partition("-")[0]) if call.request.headers.get("If-Match", "*").strip() != "*" else None
    await call.app.accounts.update(call.me.account_id, body.model_dump(exclude_unset=True), guarded)
    account, version = await account_model(call.app, call.me.account_id)
    return Reply(account, etag=version)


@routes.delete("/api/v1/me", auth="any", body=Leave, ok=(202, Leaving))
async def leave(call: Call, body: Leave) -> Reply:
    """Delete your account: every session ends now, and everything is erased when the grace period is over.

    Signing in before then keeps the account. With `immediately` and the password there is no grace period. Ask for the password before
    you send this: one that is given is checked, and a wrong one deletes nothing (403 `wrong_password`).
    """
    due_ms = await call.app.accounts.delete(call.me, password=body.password, immediately=body.immediately)
    return Reply(Leaving(erase_at=due_ms), status=202)


@routes.put("/api/v1/me/avatar", body=Raw((*MEDIA_TYPES, "application/octet-stream")), ok=(200, Account))
async def put_avatar(call: Call) -> Reply:
    """Set your picture: JPEG, PNG, WebP or GIF. It is made anew in three sizes; nothing of the file's metadata is kept."""
    data = await read_bytes(call.request, call.app.settings.avatar_limit_bytes)
    await call.app.avatars.put(call.me.account_id, data)
    account, version = await account_model(call.app, call.me.account_id)
    return Reply(account, etag=version)


@routes.delete("/api/v1/me/avatar", ok=(204, None))
async def delete_avatar(call: Call) -> Reply:
    """Remove your picture."""
    await call.app.avatars.remove(call.me.account_id)
    return Reply(status=204)


async def _settings(call: Call) -> Reply:
    changed = (await call.app.preferences.many([call.me.account_id]))[call.me.account_id]
    values = {key: changed.get(key, control.default) for key, control in CONTROLS.items()}
    view = SettingsView(json_schema=SETTINGS_SCHEMA, values=values)
    return Reply(view, etag=hashlib.blake2b(orjson.dumps(values, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest())


@routes.get("/api/v1/me/settings", auth="joining", ok=(200, SettingsView))
async def settings(call: Call) -> Reply:
    """Every control that you have, with its schema, its default and its value."""
    return await _settings(call)


@routes.patch("/api/v1/me/settings", auth="joining", body=SettingsPatch, ok=(200, SettingsView), errors=(412,))
async def change_settings(call: Call, body: Any) -> Reply:
    """Change some of your settings; what is left out stays. Takes effect at once. `If-Match` with the ETag of the read guards against lost changes."""
    if (before := (await _settings(call)).etag) is not None:
        call.if_match(before)
    await call.app.preferences.change(call.me.account_id, body.model_dump(exclude_unset=True))
    return await _settings(call)


@routes.get("/api/v1/me/activity", params=ActivityParams, ok=(200, Page[ActivityEntry]))
async def activity(call: Call) -> Reply:
    """What happened on your account, newest first: sign-ins, blocks, reports, friends, settings."""
    keys, params = call.app.keys, call.params
    before = str(decode_cursor(keys, "activity", params.cursor)[0]) if params.cursor is not None else None
    rows = await call.app.account_parts.activity.page(call.me.account_id, before, params.limit + 1)
    others = await call.app.directory.cards(None, [row["other"] for row in rows if row["other"]])
    items = [
        ActivityEntry(
            id=row["id"],
            kind=row["kind"],
            other=others[row["other"]].username if row["other"] in others else None,
            data=row["data"],
            at=row["at_ms"],
        )
        for row in rows[: params.limit]
    ]
    more = encode_cursor(keys, "activity", [items[-1].id]) if len(rows) > params.limit else None
    return Reply(Page[ActivityEntry](items=items, next_cursor=more))
