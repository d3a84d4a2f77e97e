"""Every route and every event, with input that is missing, of the wrong type, too long, unknown, foreign or none at all:
a problem answer, nothing written, no stack trace. Generated from what the server publishes."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from livecore import data
from livecore.ids import new_id
from tests.serving import Answer, Server

# What grows by itself: jobs that are due at intervals; and how often somebody asked, which counts whatever is answered.
NOT_COUNTED = {"job", "quota"}
FOREIGN_ID = new_id()
LONG = "x" * 200_000


async def written(server: Server) -> dict[str, int]:
    async with server.app.db.read() as conn:
        tables = [table for table in data.metadata.sorted_tables if table.name not in NOT_COUNTED]
        return {table.name: (await conn.execute(select(func.count()).select_from(table))).scalar_one() for table in tables}


def operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def filled(path: str) -> str:
    """The path with ids and names that nobody has."""
    for name in ("id", "live_id", "video_id", "comment_id"):
        path = path.replace(f"{{{name}}}", FOREIGN_ID)
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + "nobody_there" + path[end + 1 :]
    return path


def resolved(description: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        found: Any = description
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def wrong_value(schema: dict[str, Any]) -> Any:
    """A value of a type that the schema does not allow."""
    kinds = {option.get("type") for option in schema.get("anyOf", [schema])} | {"$ref" if "$ref" in schema else None}
    return {"not": "that"} if "object" not in kinds and "$ref" not in kinds else 7.5


def good_value(description: dict[str, Any], schema: dict[str, Any]) -> Any:
    """A value that the schema allows: the smallest, naming what nobody has."""
    schema = resolved(description, schema)
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return good_value(description, next(option for option in options if option.get("type") != "null"))
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: good_value(description, properties[name]) for name in schema.get("required", []) if name in properties}
        case "array":
            return [good_value(description, schema["items"]) for _ in range(schema.get("minItems", 0))]
        case "boolean":
            return True
        case "integer" | "number":
            return max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
    by_pattern = {"^[0-9a-f]{32}$": FOREIGN_ID, "^[0-9a-f]{64}$": "0" * 64, "^[0-9]{6}$": "000000"}
    by_format = {"date": "1990-05-17", "email": "nobody@example.org", "base64": "AAAA", "binary": "AAAA"}
    text = by_pattern.get(schema.get("pattern", "")) or by_format.get(schema.get("format", "")) or "nobody_there"
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", 10_000)]


def bad_bodies(description: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """(what is wrong, body) for a JSON object schema."""
    schema = resolved(description, schema)
    properties: dict[str, Any] = schema.get("properties", {})
    if schema.get("required"):
        yield "empty", {}
    yield "an unknown field", {"surely_not_a_field": 1}
    yield "a list", []
    yield "a word", "word"
    for name, rule in properties.items():
        yield f"{name} of a wrong type", {name: wrong_value(rule)}
        kinds = {option.get("type") for option in rule.get("anyOf", [rule])}
        if kinds & {"boolean", "integer", "number"} and "string" not in kinds:
            yield f"{name} as a text", {name: "no" if "boolean" in kinds else "5"}
        if rule.get("type") == "string":
            yield f"{name} too long", {name: LONG}


async def refused(answer: Answer, what: str) -> None:
    assert 400 <= answer.status < 500, (what, answer)
    assert answer.headers["Content-Type"].startswith("application/problem+json"), (what, answer)
    assert answer.json["title"], (what, answer)


@pytest.fixture
def no_stack_traces(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    with caplog.at_level(logging.ERROR):
        yield
    assert "Traceback" not in caplog.text
    assert "Traceback" not in capfd.readouterr().out


async def test_every_body_that_is_wrong_is_refused_and_nothing_is_written(server: Server, no_stack_traces: None) -> None:
    anna = await server.person("anna", staff="admin")
    description = (await server.call("GET", "/openapi.json")).json
    before = await written(server)
    tried = 0
    for method, path, operation in operations(description):
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            continue
        for what, body in bad_bodies(description, content["application/json"]["schema"]):
            answer = await anna.call(method, filled(path), body)
            await refused(answer, f"{method} {path} with {what}")
            if answer.status == 422:
                assert answer.json["errors"], (method, path, what, answer)
                field, as_text, _ = what.partition(" as a text")
                assert not as_text or any(error["field"] == field for error in answer.json["errors"]), (method, path, what, answer)
                assert "nput should" not in answer.body.decode(), (method, path, what, answer)
            tried += 1
        for text, headers, statuses in (
            ("{", {"Content-Type": "application/json"}, {400, 404}),
            ("{}", {"Content-Type": "text/plain"}, {415, 404}),
            ('{"a":' * 5000, {"Content-Type": "application/json"}, {400, 404, 422}),
        ):
            answer = await anna.call(method, filled(path), data=text, headers=headers)
            await refused(answer, f"{method} {path} with {text[:10]}")
            assert answer.status in statuses | {403}, (method, path, text[:10], answer)
            tried += 1
    assert tried > 200
    assert await written(server) == before


async def test_what_belongs_to_nobody_or_is_asked_in_a_wrong_form_is_refused(server: Server, no_stack_traces: None) -> None:
    anna = await server.person("anna")
    description = (await server.call("GET", "/openapi.json")).json
    before = await written(server)
    for method, path, operation in operations(description):
        if method == "GET":
            answer = await anna.call(method, filled(path), params={"surely_not_a_parameter": "1"})
            if not path.startswith(("/healthz", "/readyz", "/metrics")):
                await refused(answer, f"{method} {path}?surely_not_a_parameter")
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query":
                answer = await anna.call(method, filled(path), params={parameter["name"]: LONG[:5000]})
                await refused(answer, f"{method} {path}?{parameter['name']}=xxx")
        if "{" in path and "application/json" not in operation.get("requestBody", {}).get("content", {}):
            for value in (FOREIGN_ID, "%00", "..%2f..%2fetc%2fpasswd", "é", "0" * 300):
                answer = await anna.call(method, filled(path).replace(FOREIGN_ID, value).replace("nobody_there", value))
                assert answer.status < 500, (method, path, value, answer)
                assert answer.status >= 400 or method in ("PUT", "DELETE", "GET"), (method, path, value, answer)
    assert await written(server) == before


async def test_an_unknown_path_or_method_gets_a_problem_too(server: Server) -> None:
    missing = await server.call("GET", "/api/v1/nothing-here")
    assert (missing.status, missing.type) == (404, "not_found")
    wrong = await server.call("DELETE", "/api/v1/feed")
    assert (wrong.status, wrong.type) == (405, "method_not_allowed")
    assert "GET" in wrong.headers["Allow"]


def client_events(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(event name, schema of its data) of what a client may send."""
    for operation in description["operations"].values():
        if operation["action"] == "receive":
            message = resolved(description, operation["messages"][0])
            yield message["name"], message["payload"]


async def test_every_event_with_wrong_data_is_answered_by_a_problem(server: Server, no_stack_traces: None) -> None:
    anna = await server.person("anna")
    socket = await anna.connect()
    description = (await server.call("GET", "/asyncapi.json")).json
    before = await written(server)
    names = []
    for name, schema in client_events(description):
        names.append(name)
        wrong: list[tuple[str, Any]] = [*bad_bodies(description, schema), ("a number", 7), ("text", "x" * 100_000)]
        if resolved(description, schema).get("required"):
            wrong.append(("nothing", None))
        for what, payload in wrong:
            answer = await socket.call(name, payload)
            assert answer["ok"] is False, (name, what, answer)
            assert answer["error"]["type"], (name, what, answer)
            assert answer["error"]["title"], (name, what, answer)
        foreign = {"conversation": FOREIGN_ID, "live": FOREIGN_ID, "id": FOREIGN_ID, "seq": 1, "client_id": "c1", "body": "hello"}
        known = resolved(description, schema).get("properties", {})
        answer = await socket.call(name, {field: value for field, value in foreign.items() if field in known})
        # Leaving a room that one is not in leaves one outside: that is what was asked for.
        if {"conversation", "live"} & set(known) and name != "live:leave":
            assert answer["ok"] is False, (name, answer)
    assert len(names) > 10
    unknown = await socket.call("surely:not", {})
    assert unknown["ok"] is False
    assert socket.connected
    assert await written(server) == before
    await socket.close()


@pytest.mark.parametrize("token", ["", "x", "Bearer", "é", "a" * 5000, "live_" + "a" * 43])
async def test_a_token_that_is_none_gets_401_everywhere(server: Server, token: str) -> None:
    for path in ("/api/v1/me", "/api/v1/feed", "/api/v1/conversations"):
        headers = {"Authorization": f"Bearer {token}"} if token.isascii() else {"Authorization": "Bearer %C3%A9"}
        answer = await server.call("GET", path, headers=headers)
        assert answer.status == 401, (path, answer)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_json_that_is_valid_but_odd_is_no_server_error(server: Server, no_stack_traces: None) -> None:
    anna = await server.person("anna")
    for text in (
        '{"title": "\\ud800"}',
        '{"title": "a\\u0000b"}',
        '{"title": 1e400}',
        '{"title": "x", "title": "y"}',
        "null",
        "1",
        '"\\uD83D"',
    ):
        answer = await anna.call("POST", "/api/v1/lives", data=text.encode(), headers={"Content-Type": "application/json"})
        assert answer.status in (201, 400, 422), (text, answer)
    assert json.loads((await anna.get("/api/v1/lives")).body)["items"] == []
