"""What is somebody else's answers as what is not there, and nothing of it is changed: each place in each path and each field that names
a thing, for each role, with the thing's real id and with one that nobody has. Generated from the published descriptions."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from socketio import exceptions
from sqlalchemy import select

from livecore import data
from livecore.ids import new_id
from livecore.rest import ROUTES
from tests.feed.seeding import seed_videos
from tests.flows.belongings import belongings_of
from tests.flows.foreign import EVENT_FIELDS, PEOPLE, PLACES, WORDS, Probe, probes, set_at, text_fields, unknown
from tests.flows.test_bad_input import NOT_COUNTED, client_events, good_value
from tests.people import Person
from tests.rooms.media_files import photo
from tests.rooms.talk import group, say
from tests.rooms.test_attachments import give
from tests.serving import Answer, Server

STAFF_ROLES = ("support", "moderator", "legal", "admin")
ROLES = ("nobody", "unverified", "suspended", "declined", "ordinary", "blocked", "restricted", "support", "moderator", "legal", "admin")
SHUT_OUT = {"nobody": 401, "unverified": 403, "suspended": 401, "declined": 403}
STAFF = {
    (route.method, route.path): route.auth.partition(":")[2].split("|") for group in ROUTES for route in group.all if ":" in route.auth
}
# What is answered where it is not 404: by a secret that is wrong, as what is no longer held, because it was never hidden, or by a list of
# what one may see, which is empty.
ELSEWHERE = {
    ("GET", "/api/v1/attachments/{id}"): 410,
    ("POST", "/api/v1/attachments/{id}/kept"): 410,
    ("POST", "/api/v1/attachments/{id}/copies"): 410,
    ("GET", "/api/v1/attachments/{id}/content"): 401,
    ("POST", "/whip/{live_id}"): 401,
    ("GET", "/live/{live_id}/{signed}/allowed"): 403,
    ("GET", "/live/{live_id}/{signed}/{file}"): 403,
    ("GET", "/api/v1/videos/{id}/hls/{token}/{name}"): 401,
    ("GET", "/api/v1/lives/{id}/replays"): 200,
    ("DELETE", "/api/v1/feed/hidden/{id}"): 204,
    ("DELETE", "/api/v1/feed/not-interested/{id}"): 204,
    ("POST", "/api/v1/claims/{id}/confirm"): 422,
}
# Bodies that the service looks at before it looks for the thing.
BODIES = {
    "/api/v1/claims/{id}/counter-notice": {
        "signature": "B",
        "statement": True,
        "name": "B",
        "address": "A",
        "phone": "+1 202 555 0142",
        "consent": True,
    },
    "/api/v1/attachments/{id}/copies": {"conversation": "0" * 32},
    "/api/v1/videos/{id}/shares": {"channel": "group"},
    "/api/v1/posts/{id}/shares": {"channel": "group"},
    "/api/v1/lives/{id}/shares": {"channel": "group"},
}
# What somebody who is blocked may still say of a name: whom they block, follow and mute themselves, who may do what in their own live,
# and a conversation, which is refused as by anybody who takes messages from friends only.
OWN_NOTES = {
    "DELETE /api/v1/follows/{username}",
    "PUT /api/v1/blocks/{username}",
    "DELETE /api/v1/blocks/{username}",
    "DELETE /api/v1/feed/muted/{username}",
    "POST /api/v1/conversations",
    "PUT /api/v1/conversations/{id}/members/{username}",
    "POST /api/v1/lives/{id}/restrictions",
    "PUT /api/v1/lives/{id}/moderators/{username}",
    "DELETE /api/v1/lives/{id}/moderators/{username}",
}
OWN_LISTS = {"block", "account_activity", "live_restriction", "live_moderator"}
# Leaving where one is not, taking away a line that is not there: it is as it was asked to be.
DONE_ALREADY = {("live:leave", "live"), ("live:delete", "id")}
HEADERS = {
    "/uploads": {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"},
    "/whip": {"Content-Type": "application/sdp"},
    "/whep": {"Content-Type": "application/sdp"},
}


async def written(server: Server) -> dict[str, list[str]]:
    """Every row of every table, but for jobs and for what counts how often somebody asked or tried a claim's code."""
    tables = [table for table in data.metadata.sorted_tables if table.name not in NOT_COUNTED]
    async with server.app.db.read() as conn:
        columns = {table.name: [column for column in table.c if column.name != "code_tries"] for table in tables}
        return {name: sorted(map(repr, (await conn.execute(select(*found))).all())) for name, found in columns.items()}


async def asked(server: Server, probe: Probe, things: dict[str, str], who: Person | None, body: Any, query: dict[str, str]) -> Answer:
    headers = next((made for start, made in HEADERS.items() if probe.path.startswith(start)), {})
    sent = io.BytesIO(b"x") if headers else None
    if (probe.method, probe.path) == ("POST", "/uploads/{id}"):
        headers = headers | {"X-HTTP-Method-Override": "PATCH"}
    if probe.body is None and probe.method in ("PUT", "POST") and probe.path.endswith(("/picture", "/attachments")):
        headers, sent = {"Content-Type": "image/jpeg"}, io.BytesIO(photo())
    token = who.access if who else None
    path = probe.filled(things)
    return await server.call(probe.method, path, None if sent else body, data=sent, token=token, headers=headers, params=query)


def unchanged(before: dict[str, list[str]], after: dict[str, list[str]]) -> None:
    for name, rows in before.items():
        assert after[name] == rows, name


def told(answer: Answer, things: dict[str, str]) -> tuple[Any, ...]:
    """What an answer says, but for the ids that were asked for and the number of the request."""
    text = answer.body.decode(errors="replace")
    for thing in things.values():
        text = text.replace(thing, "…")
    return answer.status, re.sub(r"/requests/\w+", "", text), sorted(answer.headers.keys() - {"Content-Length"})


class World:
    """What is anna's and cara's, and somebody of each role who asks for it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.people: dict[str, Person | None] = {"nobody": None}
        self.things: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self.faults: list[str] = []

    async def make(self, roles: Sequence[str]) -> None:
        server = self.server
        anna, cara = await server.person("anna"), await server.person("cara")
        self.things = await belongings_of(server, anna, cara)
        self.missing = {kind: new_id() for kind in self.things} | {"user": "nobody_there"}
        for role in roles:
            if role != "nobody":
                staff = role if role in STAFF_ROLES else None
                self.people[role] = await server.person(f"is_{role}", verify=role != "unverified", staff=staff)
                await self._become(role, anna, cara)
        self.description = (await server.call("GET", "/openapi.json")).json

    async def _become(self, role: str, anna: Person, cara: Person) -> None:
        match role:
            case "blocked":
                done = [await one.put("/api/v1/blocks/is_blocked") for one in (anna, cara)]
            case "suspended":
                moderator = await self.server.person("suspending", staff="moderator")
                done = [await moderator.post("/api/v1/admin/users/is_suspended/suspend", {"reason": "Spam"})]
            case "declined":
                done = [await self.person(role).post("/api/v1/policies/privacy/decline")]
            case "restricted":
                done = [await self.person(role).patch("/api/v1/me/settings", {"restrict": True})]
            case _:
                done = []
        assert all(answer.status in (200, 204) for answer in done), done

    def person(self, role: str) -> Person:
        person = self.people[role]
        assert person is not None
        return person

    async def compare(self, probe: Probe, role: str, mine: Mapping[str, str] = {}) -> Answer:
        """Ask for the real thing and for one that nobody has; `mine` are things of one's own in which it might stand."""
        answers = []
        for things in (self.things, self.missing):
            places, body, query = things | dict(mine), BODIES.get(probe.path, probe.body), {}
            if probe.in_query:
                query = {str(probe.field): things[probe.kind]}
            elif probe.field is not None:
                body = set_at(body, probe.field.split("."), things[probe.kind])
            elif mine:
                places[probe.kind] = things[probe.kind]
            answers.append((await asked(self.server, probe, places, self.people[role], body, query), things))
        if told(*answers[0]) != told(*answers[1]):
            self.faults.append(f"{probe} as {role}: {answers[0][0]} of others, {answers[1][0]} of nobody")
        return answers[1][0]

    def no_faults(self) -> None:
        assert self.faults == [], "\n".join(self.faults)


@pytest.fixture
async def world(server: Server, request: pytest.FixtureRequest) -> World:
    made = World(server)
    await made.make(request.param)
    return made


@pytest.mark.parametrize("world", [ROLES], indirect=True, ids=["all roles"])
async def test_what_is_others_answers_as_what_is_not_there(world: World) -> None:
    """Each place in each path, for each role."""
    before = await written(world.server)
    paths = [probe for probe in probes(world.description) if probe.field is None]
    for probe in paths:
        roles = STAFF.get((probe.method, probe.path), ())
        for role in ROLES:
            if role in roles:
                continue
            answer = await world.compare(probe, role)
            right = {403} if roles else {ELSEWHERE.get((probe.method, probe.path), 404)}
            if answer.status not in right | {SHUT_OUT.get(role, 0)}:
                world.faults.append(f"{probe} as {role}: {answer}, not {right}")
    world.no_faults()
    unchanged(before, await written(world.server))
    await events_of_every_role(world)
    assert {kind for probe in paths for kind in probe.kinds} >= set(PLACES.values())


async def events_of_every_role(world: World) -> None:
    """The same over Socket.IO: every event that names a thing, for everybody who may connect; the others are not let in."""
    description = (await world.server.call("GET", "/asyncapi.json")).json
    published = list(client_events(description))
    sockets = {}
    for role in ROLES:
        person = world.people[role]
        if role in ("nobody", "suspended"):
            with pytest.raises(exceptions.ConnectionError):
                await (person or Person(world.server, "nobody", 0)).connect(token=person.access if person else "none")
        else:
            sockets[role] = await world.person(role).connect()
    before = await written(world.server)
    for role, socket in sockets.items():
        for name, schema in published:
            naming = sorted(set(text_fields(description, schema)) & EVENT_FIELDS.keys())
            said = []
            for things in (world.things, world.missing) if naming else ():
                data = good_value(description, schema)
                for field in naming:
                    data = set_at(data, field.split("."), things[EVENT_FIELDS[field]])
                answer = await socket.call(name, data)
                text = repr(answer)
                for thing in things.values():
                    text = text.replace(thing, "…")
                said.append((answer["ok"], text))
            if role == "declined" and naming and not all("policy_declined" in text for _, text in said):
                world.faults.append(f"{name} as {role}: {said}")
            done = all((name, field) in DONE_ALREADY for field in naming) and role != "declined"
            if said and (said[0] != said[1] or said[0][0] is not done):
                world.faults.append(f"{name} as {role}: {said}")
    world.no_faults()
    unchanged(before, await written(world.server))
    for socket in sockets.values():
        await socket.close()


async def things_of(server: Server, owner: Person, member: Person) -> dict[str, str]:
    """Where a foreign thing might be looked for: things of one's own."""
    await server.befriend(owner, member)
    made = {"video": (await seed_videos(server, owner, 1))[0], "conversation": await group(owner, member)}
    made["post"] = (await owner.post("/api/v1/posts", {"text": "His"})).json["id"]
    made["live"] = (await owner.post("/api/v1/lives", {"title": "His"})).json["id"]
    made["attachment"] = (await give(owner, made["conversation"], photo()))["id"]
    return made


async def events(world: World, ben: Person, mine: dict[str, str]) -> None:
    """The same over Socket.IO: each field alone foreign, the others one's own."""
    socket = await ben.connect()
    mine = mine | {"message": (await say(socket, mine["conversation"], "His"))["id"]}
    description = (await world.server.call("GET", "/asyncapi.json")).json
    before = await written(world.server)
    asked_for = set()
    for name, schema in client_events(description):
        fields = set(text_fields(description, schema))
        assert fields <= EVENT_FIELDS.keys() | PEOPLE.keys() | WORDS, f"{name} has a field that tests.flows.foreign does not know"
        naming = sorted(fields & EVENT_FIELDS.keys())
        for field in naming:
            said = []
            for things in (world.things, world.missing):
                data = good_value(description, schema)
                for other in naming:
                    kind = EVENT_FIELDS[other]
                    value = things[kind] if other == field else mine.get(kind)
                    if value is not None and (other in data or other == field):
                        data = set_at(data, other.split("."), value)
                if field == "attachments.id":
                    data["attachments"][0]["kind"] = "image"
                answer = await socket.call(name, data)
                said.append(repr(answer).replace(things[EVENT_FIELDS[field]], "…"))
                assert answer["ok"] is ((name, field) in DONE_ALREADY), (name, field, answer)
            assert said[0] == said[1], (name, field)
            asked_for.add(field)
    assert asked_for == EVENT_FIELDS.keys() - {"images", "video", "parent", "ids", "to"}
    unchanged(before, await written(world.server))


@pytest.mark.parametrize("world", [("ordinary", "restricted")], indirect=True, ids=["ordinary"])
async def test_what_is_others_is_not_there_in_ones_own(world: World) -> None:
    """Fields that name a thing, and places within a thing of one's own."""
    mine = await things_of(world.server, world.person("ordinary"), world.person("restricted"))
    before = await written(world.server)
    seen = set()
    for probe in probes(world.description):
        if probe.field or len(probe.kinds) > 1:
            await world.compare(probe, "ordinary", {kind: thing for kind, thing in mine.items() if kind != probe.kind or probe.field})
            seen.add(probe.field or probe.kind)
    world.no_faults()
    assert seen >= {"conversation", "parent", "images", "video", "to", "ids", "invite", "comment", "post_comment"}
    unchanged(before, await written(world.server))
    await events(world, world.person("ordinary"), mine)


@pytest.mark.parametrize("world", [("blocked", "restricted")], indirect=True, ids=["blocked"])
async def test_who_blocked_one_answers_as_nobody(world: World) -> None:
    """Each place and field for a name, asked by somebody whom its owner blocks: but for what is one's own list, it is nobody's name."""
    mine = await things_of(world.server, world.person("blocked"), world.person("restricted"))
    anna_before = {name: rows for name, rows in (await written(world.server)).items() if name not in OWN_LISTS}
    different = set()
    for probe in probes(world.description, PEOPLE):
        if (probe.method, probe.path) not in STAFF:
            await world.compare(probe, "blocked", mine)
            different |= {f"{probe.method} {probe.path}" for _ in world.faults}
            world.faults.clear()
    assert different == OWN_NOTES
    unchanged(anna_before, await written(world.server))


async def test_a_device_of_ones_own_is_meant_whatever_it_is_called(server: Server) -> None:
    """Devices name themselves: another account's device of the same name, its push and its session stay what they were."""
    anna, ben = await server.person("anna"), await server.person("ben")
    push = {"endpoint": "https://updates.push.services.mozilla.com/wpush/v2/anna"}
    assert (await anna.put("/api/v1/me/push", push)).status == 204
    before = await written(server)
    await ben.sign_in(anna.device)
    assert (await ben.get("/api/v1/me/push")).json["subscribed"] is False
    assert (await ben.put("/api/v1/me/push", push)).status == 204
    assert (await ben.delete("/api/v1/me/push")).status == 204
    after = await written(server)
    assert before["push_subscription"]
    for name in ("push_subscription", "account_session", "account_device"):
        assert set(after[name]) >= set(before[name]), name


async def test_every_field_that_is_published_is_known_here(server: Server) -> None:
    assert unknown((await server.call("GET", "/openapi.json")).json) == set(), "say in tests.flows.foreign what these fields name"
