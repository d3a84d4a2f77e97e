"""Every route for every role, with what is missing, malformed or somebody else's: each answers as it is published, and nobody gets further
than their role. Generated from the routes and the published description."""

import importlib
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from livecore import rest
from livecore.rest import ROUTES
from livecore.rest.api import Route, Routes
from tests.feed.seeding import seed_videos
from tests.flows.test_bad_input import FOREIGN_ID, filled, good_value
from tests.people import Person
from tests.serving import Answer, Server

STAFF = ("support", "moderator", "legal", "admin")
# They end the session or the account that goes on asking; each has tests of its own.
ENDING = {
    ("DELETE", "/api/v1/me"),
    ("DELETE", "/api/v1/me/sessions"),
    ("DELETE", "/api/v1/me/sessions/{id}"),
    ("DELETE", "/api/v1/sessions/current"),
    ("POST", "/api/v1/policies/{kind}/decline"),
}


def routes() -> Iterator[Route]:
    for group in ROUTES:
        for route in group.all:
            if not route.hidden and (route.method, route.path) not in ENDING:
                yield route


class Matrix:
    def __init__(self, server: Server, description: dict[str, Any]) -> None:
        self.server = server
        self.description = description
        self.faults: list[str] = []
        self.asked = 0

    async def ask(self, route: Route, who: Person | None, path: str, *, body: Any = None, data: bytes | None = None) -> Answer:
        """Also notes an answer that is not published, or no problem where it should be one."""
        media = {"Content-Type": "application/json"} if route.body is not None and route.method != "GET" else None
        if body is not None:
            media = None
        answer = await self.server.call(route.method, path, body, data=data, token=who.access if who else None, headers=media)
        self.asked += 1
        published = self.description["paths"][route.path][route.method.lower()]["responses"]
        name = f"{route.method} {route.path} as {who.username if who else 'nobody'}"
        if answer.status >= 500 or str(answer.status) not in published:
            self.faults.append(f"{name}: {answer.status} is not published; {answer}")
        elif (
            route.method != "HEAD"
            and answer.status >= 400
            and not answer.type
            and not route.path.startswith(("/whip", "/whep", "/media", "/uploads"))
        ):
            self.faults.append(f"{name}: {answer.status} is no problem document; {answer}")
        return answer

    def body(self, route: Route) -> Any:
        """A body of the route's own form, as far as its description says; None where it takes no JSON."""
        if route.method == "GET" or route.body is None:
            return None
        operation = self.description["paths"][route.path][route.method.lower()]
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        return good_value(self.description, content["schema"]) if content else None

    def expect(self, route: Route, who: str, answer: Answer, status: int, type: str = "") -> None:
        if answer.status != status or (type and route.method != "HEAD" and answer.type != type):
            self.faults.append(f"{route.method} {route.path} as {who}: {answer} instead of {status} {type}")


@pytest.fixture
async def matrix(server: Server) -> AsyncIterator[Matrix]:
    made = Matrix(server, (await server.call("GET", "/openapi.json")).json)
    yield made
    assert made.faults == []
    assert made.asked > 20


def needs_account(route: Route) -> bool:
    return route.auth == "account" or route.auth.startswith("staff:")


async def test_who_is_nobody_unconfirmed_or_declined_gets_no_further(server: Server, matrix: Matrix) -> None:
    unconfirmed, declined = await server.person("unconfirmed", verify=False), await server.person("declined")
    assert (await declined.post("/api/v1/policies/privacy/decline")).status in (200, 204)
    for route in routes():
        path = filled(route.path)
        answer = await matrix.ask(route, None, path)
        if needs_account(route) or route.auth == "any":
            matrix.expect(route, "nobody", answer, 401)
        if needs_account(route):
            matrix.expect(route, "unconfirmed", await matrix.ask(route, unconfirmed, path), 403, "unverified")
            matrix.expect(route, "declined", await matrix.ask(route, declined, path), 403, "policy_declined")


async def test_staff_routes_open_to_their_roles_alone(server: Server, matrix: Matrix) -> None:
    people = {role: await server.person(f"{role}person", staff=role) for role in STAFF} | {"person": await server.person("somebody")}
    seen = 0
    for route in routes():
        if not route.auth.startswith("staff:"):
            continue
        roles = route.auth.partition(":")[2].split("|")
        for role, person in people.items():
            answer = await matrix.ask(route, person, filled(route.path))
            if role in roles:
                # What it asks for may be missing or nobody's; the door itself is open.
                if answer.status == 401 or (answer.status == 403 and answer.type == "forbidden"):
                    matrix.faults.append(f"{route.method} {route.path} is shut to {role}: {answer}")
            else:
                matrix.expect(route, role, answer, 403)
        seen += 1
    assert seen > 10


async def test_what_is_missing_or_malformed_is_answered_as_published(server: Server, matrix: Matrix) -> None:
    anna = await server.person("anna")
    for route in routes():
        await matrix.ask(route, anna, filled(route.path))
        if route.body is not None and route.method != "GET":
            await matrix.ask(route, anna, filled(route.path), data=b"{")
            await matrix.ask(route, anna, filled(route.path), data=b'{"surely_not_a_field": [1, 2, {"deep": null}]}')
        for value in ("x", "%00", "0" * 33, "..%2f..", "%F0%9F%98%80"):
            if "{" in route.path:
                path = filled(route.path).replace(FOREIGN_ID, value).replace("nobody_there", value)
                answer = await matrix.ask(route, anna, path)
                if route.method != "GET" and answer.status < 300 and "{username}" not in route.path:
                    matrix.faults.append(f"{route.method} {path}: {answer}")


async def test_what_is_somebody_elses_is_not_changed(server: Server, matrix: Matrix) -> None:
    """Every place in every path, filled with what others own, with a body that is right: nobody who may not see it gets at it."""
    anna, ben = await server.person("anna"), await server.person("ben")
    cara = await server.person("cara")
    await server.befriend(anna, cara)
    mine: dict[str, str] = {}
    made = await anna.post("/api/v1/lives", {"title": "Mine", "visibility": "friends"})
    mine["/api/v1/lives/{id}"] = made.json["id"]
    mine["/api/v1/posts/{id}"] = (await anna.post("/api/v1/posts", {"text": "Mine", "visibility": "friends"})).json["id"]
    group = await anna.post("/api/v1/conversations", {"kind": "group", "title": "Ours", "members": ["cara"]})
    mine["/api/v1/conversations/{id}"] = group.json["id"]
    mine["/api/v1/friend-links/{id}"] = (await anna.post("/api/v1/friend-links", {})).json["id"]
    mine["/api/v1/me/exports/{id}"] = (await anna.post("/api/v1/me/exports")).json["id"]
    (mine["/api/v1/videos/{id}"],) = await seed_videos(server, anna, 1, visibility="friends")
    comments = f"/api/v1/videos/{mine['/api/v1/videos/{id}']}/comments"
    request = (await anna.post("/api/v1/friend-requests", {"username": (await server.person("dora")).username})).json["id"]
    others = {
        "request": request,
        "session": (await anna.get("/api/v1/me/sessions")).json["items"][0]["id"],
        "comment": (await cara.post(comments, {"text": "Hers"})).json["id"],
    }

    async def state() -> dict[str, Any]:
        views = {path: (await anna.get(path.replace("{id}", found))).json for path, found in mine.items() if "exports" not in path}
        # Signed addresses carry the time at which they were given out.
        views = {path: {name: value for name, value in view.items() if "token=" not in str(value)} for path, view in views.items()}
        views["comments"] = (await anna.get(comments)).json
        views["requests"] = [item["id"] for item in (await anna.get("/api/v1/friend-requests")).json["items"]]
        views["sessions"] = [item["id"] for item in (await anna.get("/api/v1/me/sessions")).json["items"]]
        return views

    before = await state()
    with_body = 0
    for route in routes():
        places = [name for name in re.findall(r"{(\w+)}", route.path) if name in ("id", "session") or name.endswith("_id")]
        # What one hides from one's own feed is one's own note, whatever it names.
        if not places or route.path.startswith("/api/v1/feed/"):
            continue
        body = matrix.body(route)
        with_body += body is not None
        for found in (*mine.values(), *others.values()):
            path = filled(re.sub("|".join(f"{{{name}}}" for name in places), found, route.path))
            answer = await matrix.ask(route, ben, path, body=body)
            if answer.status < 300:
                matrix.faults.append(f"{route.method} {path}: {answer}")
            nobody = await matrix.ask(route, None, path, body=body)
            if nobody.status < 300:
                matrix.faults.append(f"{route.method} {path} as nobody: {nobody}")
    assert with_body > 15
    assert await state() == before


def test_every_route_that_is_declared_is_mounted() -> None:
    modules = [importlib.import_module(f"livecore.rest.{found.name}") for found in pkgutil.iter_modules(rest.__path__)]
    declared = {id(value): module.__name__ for module in modules for value in vars(module).values() if isinstance(value, Routes)}
    assert declared.keys() == {id(group) for group in ROUTES}, declared
