"""Every route for every role, with what is missing or malformed: each answers as it is published, and nobody gets further than their role.
Generated from the routes and the published description; what is somebody else's is in test_foreign_ids.py."""

import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from livecore import rest
from livecore.rest import ROUTES
from livecore.rest.api import Route, Routes
from tests.flows.test_bad_input import FOREIGN_ID, filled
from tests.people import Person
from tests.serving import Answer, Server

STAFF = ("support", "moderator", "legal", "admin")
# They end the session or the account that goes on asking; each has tests of its own.
ENDING = {
    ("DELETE", "/api/v1/me"),
    ("DELETE", "/api/v1/me/sessions/{id}"),
    ("DELETE", "/api/v1/me/session"),
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
        if needs_account(route) or route.auth in ("joining", "any"):
            matrix.expect(route, "nobody", answer, 401)
        if needs_account(route):
            matrix.expect(route, "unconfirmed", await matrix.ask(route, unconfirmed, path), 403, "unverified")
        if needs_account(route) or route.auth == "joining":
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
    # All of it was asked by somebody who is signed in.
    assert (await anna.get("/api/v1/me")).status == 200


def test_no_route_is_left_out_but_those_that_are_named() -> None:
    every = {(route.method, route.path): route for group in ROUTES for route in group.all}
    assert every.keys() >= ENDING
    left_out = every.keys() - {(route.method, route.path) for route in routes()} - ENDING
    # What describes or measures the server, and what a browser asks before it publishes or watches.
    described = {("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/asyncapi.json")}
    assert {one for one in left_out if one[0] != "OPTIONS"} == described
    assert all(every[one].auth == "none" for one in left_out)


def test_every_route_that_is_declared_is_mounted() -> None:
    modules = [importlib.import_module(f"livecore.rest.{found.name}") for found in pkgutil.iter_modules(rest.__path__)]
    declared = {id(value): module.__name__ for module in modules for value in vars(module).values() if isinstance(value, Routes)}
    assert declared.keys() == {id(group) for group in ROUTES}, declared
