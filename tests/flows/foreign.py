"""What names a thing in the published descriptions: places in paths, fields of bodies, queries and events.

A place, a field or an event that is not in these tables fails `test_foreign_ids.py`: say what it names.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.flows.test_bad_input import good_value, operations, resolved

# The kind of what a place in a path names, by the path as far as the place.
PLACES = {
    "/api/v1/me/sessions/{id}": "session",
    "/api/v1/avatars/{id}": "avatar",
    "/api/v1/friend-requests/{id}": "request",
    "/api/v1/friend-links/{id}": "link",
    "/api/v1/admin/holds/{id}": "hold",
    "/api/v1/conversations/{id}": "conversation",
    "/api/v1/conversations/{id}/invites/{invite_id}": "invite",
    "/api/v1/attachments/{id}": "attachment",
    "/api/v1/lives/{id}": "live",
    "/whip/{live_id}": "live",
    "/whep/{live_id}": "live",
    "/live/{live_id}": "live",
    "/api/v1/videos/{id}": "video",
    "/api/v1/videos/{id}/comments/{comment_id}": "comment",
    "/api/v1/posts/{id}": "post",
    "/api/v1/posts/{id}/comments/{comment_id}": "post_comment",
    "/uploads/{id}": "upload",
    "/api/v1/images/{id}": "image",
    "/api/v1/feed/hidden/{id}": "post",
    "/api/v1/feed/not-interested/{id}": "video",
    "/api/v1/claims/{id}": "claim",
    "/api/v1/me/exports/{id}": "export",
    "/api/v1/admin/claims/{id}": "claim",
    "/api/v1/admin/reports/{id}": "case",
    "/api/v1/admin/copies/{kind}/{id}": "video",
}
# Nobody's things, and secrets that whoever holds them may use.
OPEN = {"kind": "video", "policy": "privacy", "version": "1", "name": "p0.m4s", "file": "index.m3u8"}
SECRETS = {"token": "t" * 43, "signed": "s" * 43, "session": "s" * 43}
# Fields by their path, without the marks of lists.
FIELDS = {
    "conversation": "conversation",
    "images": "image",
    "video": "video",
    "parent": "comment",
    "ids": "notice",
    "to": "conversation",
    "attachments.id": "attachment",
    "reply_to": "message",
    "live": "live",
    "call": "call",
}
# `id` in an event is a message's.
EVENT_FIELDS = FIELDS | {"id": "message"}
# Reports and claims answer for what somebody saw before it was taken from their sight: a block is no way out of being reported.
ANSWERED = {"target.kind", "target.id", "target.url"}
# Public names: who may be spoken of by them is asked for by `test_who_blocked_one_answers_as_nobody`.
PEOPLE = dict.fromkeys(("username", "members", "guests", "owner", "user", "users", "target.username", "evidence.sender"), "user")
# Words, and ids that the client itself chooses or that mean something within a thing that was found only.
WORDS = frozenset(
    """accept.privacy accept.terms login password name email phone device.id device.name code refresh present profile_name gender age_info status_message interests
    languages region token reason add remove title identity_key agreement_key agreement_signature signed_prekey.key
    signed_prekey.signature keys.key endpoint publication rid text alt summary html changes contact.name contact.address contact.phone
    contact.email signature work mark registration_number jurisdiction goods_class authority remarks address details evidence.text case
    subject cursor q v events.id events.name reports.id reports.name reports.message reports.stack client_id body attachments.name
    attachments.phone emoji device.hardware_model device.os_version device.advertising_id device.app_id device.apps_installed
    device.device_id device.browser device.language device.time_zone hardware_model os_version advertising_id app_id apps_installed
    device_id browser language time_zone _HLS_msn _HLS_part _HLS_skip""".split()  # noqa: SIM905
)
_PLACE = re.compile(r"{(\w+)}")


def text_fields(description: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Paths of the fields of free text in a schema."""
    schema = resolved(description, schema)
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from text_fields(description, option, path)
    for name, field in schema.get("properties", {}).items():
        yield from text_fields(description, field, f"{path}.{name}" if path else name)
    if schema.get("type") == "array":
        yield from text_fields(description, schema["items"], path)
    if schema.get("type") == "string" and not {"enum", "const"} & schema.keys() and schema.get("format") != "date":
        yield path


@dataclass(frozen=True)
class Probe:
    """A request that names a thing: in `field`, or where that is None in its path, whose places have `kinds`."""

    method: str
    path: str
    kinds: tuple[str, ...]
    field: str | None
    in_query: bool
    body: Any

    @property
    def kind(self) -> str:
        return self.kinds[-1]

    def __str__(self) -> str:
        return f"{self.method} {self.path}" + (f" with {self.field}" if self.field else "")

    def filled(self, things: dict[str, str]) -> str:
        def one(match: re.Match[str]) -> str:
            name = match[1]
            known = OPEN | SECRETS | {"username": things["user"]}
            return known.get(name) or things[PLACES[self.path[: match.end()]]]

        return _PLACE.sub(one, self.path)

    def body_with(self, value: str) -> Any:
        """The body with the id at the field's place; lists hold it alone."""
        return set_at(self.body, str(self.field).split("."), value)


def set_at(body: Any, names: list[str], value: str) -> Any:
    made = dict(body or {})
    name, rest = names[0], names[1:]
    inner = set_at({}, rest, value) if rest else value
    made[name] = [inner] if name in ("images", "ids", "attachments", "members", "guests", "users", "evidence") else inner
    return made


def kinds_in(path: str) -> tuple[str, ...]:
    """Raises KeyError for a place that no table knows."""
    matches = (match for match in _PLACE.finditer(path) if match[1] not in (OPEN | SECRETS | {"username": ""}))
    return tuple(PLACES[path[: match.end()]] for match in matches)


def probes(description: dict[str, Any], naming: Mapping[str, str] = FIELDS) -> Iterator[Probe]:
    """Requests with a place for an id in the path, and with a field that `naming` knows; with other `naming`, for those fields alone."""
    for method, path, operation in operations(description):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        body = good_value(description, content["schema"]) if content else None
        kinds = kinds_in(path)
        if kinds and naming is FIELDS:
            yield Probe(method, path, kinds, None, False, body)
        if "{username}" in path and naming is not FIELDS:
            yield Probe(method, path, ("user",), None, False, body)
        for field in queries(description, operation):
            if field in naming:
                yield Probe(method, path, (naming[field],), field, True, body)
        for field in sorted(set(text_fields(description, content["schema"]))) if content else ():
            if field in naming:
                yield Probe(method, path, (naming[field],), field, False, body)


def queries(description: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    given = (one for one in operation.get("parameters", []) if one["in"] == "query")
    return [one["name"] for one in given if list(text_fields(description, one["schema"]))]


def unknown(description: dict[str, Any]) -> set[str]:
    """Fields that no table says anything of, with where they stand."""
    known = FIELDS.keys() | PEOPLE.keys() | ANSWERED | WORDS
    found = set()
    for method, path, operation in operations(description):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        fields = set(text_fields(description, content["schema"])) if content else set()
        fields |= set(queries(description, operation))
        found |= {f"{method} {path}: {field}" for field in fields - known}
    return found
