"""Friends, requests, follows, blocks, and people to meet."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from livecore import errors
from livecore.cursors import decode_cursor, encode_cursor
from livecore.people.discovery import Reason
from livecore.people.service import RequestView
from livecore.ports import PersonCard
from livecore.rest.api import Body, Call, Model, Page, Params, Reply, Routes

if TYPE_CHECKING:
    from livecore.app import App

routes = Routes("people")

Standing = Literal["none", "requested", "asked", "friends", "blocked", "self"]


class Person(Model):
    """Somebody in a list. `name` and `avatar` are null where they hide them. `standing` is how you stand to them: `requested` = you
    asked, `asked` = they asked you."""

    id: str
    username: str
    name: str | None
    avatar: str | None
    standing: Standing


class _Since(Model):
    user: Person
    since: int


class Friend(_Since):
    """A friend, and since when."""


class FriendRequest(Model):
    id: str
    user: Person
    incoming: bool
    status: Literal["pending", "accepted"]
    created_at: int


class FriendRequestNew(Body):
    username: Annotated[str, Field(min_length=1, max_length=40)]


class Blocked(_Since):
    """Whom you block, and since when."""


class Followed(_Since):
    """Whom you follow, and since when."""


class Suggestion(Model):
    """`reason`: `contact` (in your address book), `mutual_friends` (`mutual` of them), `common_interests` (`interests`),
    `watched_together` (`watched` videos lately), `nearby` (the same region) or `new_here`."""

    user: Person
    reason: Reason
    mutual: int
    interests: list[str]
    watched: int


class MutualFriends(Model):
    """`total` counts also those beyond the first ones that are listed."""

    items: list[Person]
    total: int


class PageParams(Params):
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: str | None = None


class LimitParams(Params):
    limit: Annotated[int, Field(ge=1, le=50)] = 20


async def people_models(app: "App", viewer: str, cards: Iterable[PersonCard]) -> list[Person]:
    """Cards with how the viewer stands to each."""
    found = []
    for card in cards:
        standing = "self" if card.id == viewer else (await app.relations.between(viewer, card.id)).standing
        found.append(
            Person.model_validate(
                {"id": card.id, "username": card.username, "name": card.name, "avatar": card.avatar, "standing": standing}
            )
        )
    return found


async def _people(app: "App", viewer: str, account_ids: Iterable[str]) -> dict[str, Person]:
    cards = await app.directory.cards(viewer, account_ids)
    return {person.id: person for person in await people_models(app, viewer, cards.values())}


async def person_model(app: "App", viewer: str, account_id: str) -> Person:
    """Raises NotFound for somebody who is gone."""
    people = await _people(app, viewer, [account_id])
    if account_id not in people:
        raise errors.NotFound("There is nobody of that name.")
    return people[account_id]


def _after(call: Call, kind: str) -> str | None:
    if call.params.cursor is None:
        return None
    return str(decode_cursor(call.app.keys, kind, call.params.cursor)[0])


def _next(call: Call, kind: str, ids: list[str]) -> str | None:
    """The cursor after a page of `limit` + 1 ids that were asked for; None at the end."""
    if len(ids) <= call.params.limit:
        return None
    return encode_cursor(call.app.keys, kind, [ids[call.params.limit - 1]])


async def _page(call: Call, model: type[_Since], kind: str, rows: Sequence[tuple[str, int]]) -> Reply:
    """A page of (account id, since when), of which `limit` + 1 were asked for; who is gone is left out."""
    people = await _people(call.app, call.me.account_id, [account_id for account_id, _ in rows])
    items = [model(user=people[account_id], since=since_ms) for account_id, since_ms in rows[: call.params.limit] if account_id in people]
    return Reply(Page[_Since](items=items, next_cursor=_next(call, kind, [account_id for account_id, _ in rows])))


# -- friends


@routes.get("/api/v1/friends", params=PageParams, ok=(200, Page[Friend]))
async def list_friends(call: Call) -> Reply:
    """Your friends."""
    return await _friends_of(call, call.me.account_id, "friends")


async def _friends_of(call: Call, owner: str, kind: str) -> Reply:
    rows = await call.app.people.friends(owner, call.me.account_id, _after(call, kind), call.params.limit + 1)
    return await _page(call, Friend, kind, [(row.friend_id, row.since_ms) for row in rows])


@routes.get("/api/v1/users/{username}/friends", params=PageParams, ok=(200, Page[Friend]))
async def list_friends_of(call: Call) -> Reply:
    """Somebody's friends, where they show them to you (`visibility_friends`); 403 `hidden` otherwise."""
    owner = await call.app.profiles.owner_showing(call.me.account_id, call.path["username"], "visibility_friends")
    return await _friends_of(call, owner, f"friends:{owner}")


@routes.get("/api/v1/users/{username}/mutual-friends", params=LimitParams, ok=(200, MutualFriends))
async def mutual_friends(call: Call) -> Reply:
    """Friends whom you both have, as far as they or the other show you their friends; nobody where you block the other."""
    me = call.me.account_id
    other = (await call.app.profiles.view(me, call.path["username"])).id
    found, total = await call.app.discovery.mutual_with(me, other, call.params.limit)
    people = await _people(call.app, me, found)
    return Reply(MutualFriends(items=[people[account_id] for account_id in found if account_id in people], total=total))


@routes.delete("/api/v1/friends/{username}", ok=(204, None))
async def remove_friend(call: Call) -> Reply:
    """End a friendship; the other is not told."""
    await call.app.people.remove(call.me.account_id, call.path["username"])
    return Reply(status=204)


# -- requests


async def request_model(call: Call, view: RequestView) -> FriendRequest:
    people = await _people(call.app, call.me.account_id, [view.other_id])
    return FriendRequest.model_validate(
        {
            "id": view.id,
            "user": people[view.other_id],
            "incoming": view.incoming,
            "status": view.status,
            "created_at": view.created_ms,
        }
    )


@routes.post(
    "/api/v1/friend-requests",
    body=FriendRequestNew,
    ok=(201, FriendRequest),
    errors=(404, 409),
    rate="friend_request_per_account",
)
async def ask(call: Call, body: FriendRequestNew) -> Reply:
    """Ask somebody to be friends. Where they asked you already, you are friends at once (`status: accepted`)."""
    view = await call.app.people.ask(call.me.account_id, body.username)
    return Reply(await request_model(call, view), status=201, headers={"Location": "/api/v1/friend-requests"})


@routes.get("/api/v1/friend-requests", ok=(200, Page[FriendRequest]))
async def list_requests(call: Call) -> Reply:
    """Requests that wait, to you (`incoming`) and from you, newest first."""
    views = await call.app.people.requests(call.me.account_id)
    people = await _people(call.app, call.me.account_id, [view.other_id for view in views])
    items = [
        FriendRequest(id=view.id, user=people[view.other_id], incoming=view.incoming, status="pending", created_at=view.created_ms)
        for view in views
        if view.other_id in people
    ]
    return Reply(Page[FriendRequest](items=items))


@routes.post("/api/v1/friend-requests/{id}/accept", ok=(200, FriendRequest))
async def accept(call: Call) -> Reply:
    """Accept a request to you."""
    view = await call.app.people.accept(call.me.account_id, call.path["id"])
    return Reply(await request_model(call, view))


@routes.post("/api/v1/friend-requests/{id}/decline", ok=(204, None))
async def decline(call: Call) -> Reply:
    """Decline a request to you; the other is not told."""
    await call.app.people.decline(call.me.account_id, call.path["id"])
    return Reply(status=204)


@routes.delete("/api/v1/friend-requests/{id}", ok=(204, None))
async def withdraw(call: Call) -> Reply:
    """Take back a request of yours."""
    await call.app.people.withdraw(call.me.account_id, call.path["id"])
    return Reply(status=204)


# -- follows


@routes.get("/api/v1/follows", params=PageParams, ok=(200, Page[Followed]))
async def list_follows(call: Call) -> Reply:
    """Whom you follow."""
    rows = await call.app.follows.page(call.me.account_id, _after(call, "follows"), call.params.limit + 1)
    return await _page(call, Followed, "follows", [(row.followed_id, row.created_ms) for row in rows])


@routes.put("/api/v1/follows/{username}", ok=(204, None), errors=(409,))
async def follow(call: Call) -> Reply:
    """Follow somebody. Doing it again changes nothing."""
    await call.app.follows.follow(call.me.account_id, call.path["username"])
    return Reply(status=204)


@routes.delete("/api/v1/follows/{username}", ok=(204, None))
async def unfollow(call: Call) -> Reply:
    """Follow somebody no longer."""
    await call.app.follows.unfollow(call.me.account_id, call.path["username"])
    return Reply(status=204)


# -- blocks


@routes.get("/api/v1/blocks", params=PageParams, ok=(200, Page[Blocked]))
async def list_blocks(call: Call) -> Reply:
    """Whom you block."""
    rows = await call.app.blocks.page(call.me.account_id, _after(call, "blocks"), call.params.limit + 1)
    return await _page(call, Blocked, "blocks", [(row.blocked_id, row.created_ms) for row in rows])


@routes.get("/api/v1/blocks/{username}", ok=(200, Person))
async def get_block(call: Call) -> Reply:
    """Whether you block this person: 404 if not."""
    other = await call.app.blocks.is_blocked(call.me.account_id, call.path["username"])
    return Reply((await _people(call.app, call.me.account_id, [other]))[other])


@routes.put("/api/v1/blocks/{username}", ok=(204, None), errors=(409,))
async def block(call: Call) -> Reply:
    """Block somebody: from the very next request neither of you sees the other anywhere, and they are not told."""
    await call.app.blocks.block_username(call.me.account_id, call.path["username"])
    return Reply(status=204)


@routes.delete("/api/v1/blocks/{username}", ok=(204, None))
async def unblock(call: Call) -> Reply:
    """Block somebody no longer; what was between you before is there again."""
    await call.app.blocks.unblock(call.me.account_id, call.path["username"])
    return Reply(status=204)


# -- meeting people


@routes.get("/api/v1/discover/people", params=LimitParams, ok=(200, Page[Suggestion]), rate="search_per_account")
async def discover(call: Call) -> Reply:
    """People you may want to meet, each with the reason why."""
    me = call.me.account_id
    found = await call.app.discovery.people(me, call.params.limit)
    people = {person.id: person for person in await people_models(call.app, me, [one.card for one in found])}
    items = [
        Suggestion(user=people[one.card.id], reason=one.reason, mutual=one.mutual, interests=list(one.interests), watched=one.watched)
        for one in found
    ]
    return Reply(Page[Suggestion](items=items))
