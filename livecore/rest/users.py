"""Other people's profiles, search, and profile pictures."""

from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from livecore import errors
from livecore.accounts.avatars import OUT_TYPE
from livecore.cursors import decode_cursor, encode_cursor
from livecore.rest.api import Call, Model, Page, Params, Raw, Reply, Routes
from livecore.rest.people import Person, Standing, people_models
from livecore.rest.ranges import client_has
from livecore.rest.signed import keeping

routes = Routes("users")

AvatarSize = Literal["64", "256", "512"]


class Profile(Model):
    """A person as you may see them: null = not given, or not shown to you. `birthday` is MM-DD, `last_seen` Unix milliseconds."""

    id: str
    username: str
    name: str | None
    avatar: str | None
    gender: str | None
    age_info: str | None
    status_message: str | None
    interests: list[str]
    languages: list[str]
    region: str | None
    phone: str | None
    birthday: str | None
    last_seen: int | None
    standing: Standing
    following: bool
    followers: int
    can_message: bool
    can_request: bool
    shows_friends: bool


class SearchParams(Params):
    q: Annotated[str, Field(min_length=2, max_length=60)]
    limit: Annotated[int, Field(ge=1, le=50)] = 20
    cursor: str | None = None


class AvatarParams(Params):
    """`token` is part of the path that lists and profiles give; `size` in pixels, square."""

    token: Annotated[str, Field(max_length=600)] | None = None
    size: AvatarSize = "256"


@routes.get("/api/v1/users", params=SearchParams, ok=(200, Page[Person]), rate="search_per_account")
async def search(call: Call) -> Reply:
    """People whose username, or a word of whose name, begins with `q`. Those who do not let you find them are left out."""
    me, params = call.me.account_id, call.params
    after = str(decode_cursor(call.app.keys, "users", params.cursor)[0]) if params.cursor is not None else None
    cards, position = await call.app.profiles.search(me, params.q, after, params.limit)
    items = await people_models(call.app, me, cards)
    return Reply(Page[Person](items=items, next_cursor=encode_cursor(call.app.keys, "users", [position]) if position else None))


@routes.get("/api/v1/users/{username}", ok=(200, Profile))
async def profile(call: Call) -> Reply:
    """Somebody's profile, as they show it to you."""
    me = call.me.account_id
    view = await call.app.profiles.view(me, call.path["username"])
    following = await call.app.follows.is_following(me, view.id)
    model = Profile.model_validate(
        {
            "id": view.id,
            "username": view.username,
            "name": view.name,
            "avatar": view.avatar,
            "gender": view.gender,
            "age_info": view.age_info,
            "status_message": view.status_message,
            "interests": view.traits.interests,
            "languages": view.traits.languages,
            "region": view.traits.region,
            "phone": view.phone,
            "birthday": view.birthday,
            "last_seen": view.last_seen_ms,
            "standing": "self" if view.is_me else view.relation.standing,
            "following": following and not view.relation.blocked,
            "followers": await call.app.follows.count_followers(view.id),
            "can_message": view.can_message,
            "can_request": view.can_request,
            "shows_friends": view.shows_friends,
        }
    )
    return Reply(model)


@routes.get("/api/v1/avatars/{id}", auth="optional", params=AvatarParams, ok=(200, Raw((OUT_TYPE,))), errors=(401, 403, 404, 410))
async def avatar(call: Call) -> web.StreamResponse:
    """A profile picture, WebP.

    With the `token` of the path that a list or a profile gave, or with an access token. Whether you may see it is asked each time:
    a block, a setting or a takedown hides it at once. Another picture has another path.
    """
    avatar_id = call.path["id"]
    if call.principal is not None:
        viewer, ends_ms = call.principal.account_id, None
    elif call.params.token is not None:
        grant = call.app.avatars.grant_of(call.params.token, avatar_id)
        viewer, ends_ms = grant.account_id, grant.expires_ms
    else:
        raise errors.Unauthorised()
    owner = await call.app.avatars.owner_of(avatar_id)
    if owner is None or not await call.app.profiles.may_see_avatar(viewer, owner):
        raise errors.NotFound("There is no such picture.")
    etag = f"{avatar_id}-{call.params.size}"
    headers = {"ETag": f'"{etag}"', "Vary": "Authorization", "X-Content-Type-Options": "nosniff"} | keeping(call, ends_ms)
    if client_has(call.request.headers, etag):
        return web.Response(status=304, headers=headers)
    body = await call.app.avatars.read(owner, avatar_id, int(call.params.size))
    return web.Response(body=body, content_type=OUT_TYPE, headers=headers)
