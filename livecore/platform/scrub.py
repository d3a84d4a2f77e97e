"""What must not stand in a log: secrets, codes, phone numbers, mail addresses, in any value of an event and in exception texts.

A net below the rule that nothing personal is logged in the first place, not a replacement for it: it errs on the side of
taking too much away.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

GONE = "[scrubbed]"
# Names whose values are never shown, whatever they look like.
SECRET_NAMES = frozenset(
    [
        "access_token",
        "answer",
        "api_key",
        "authorization",
        "birth_date",
        "body",
        "code",
        "codes",
        "cookie",
        "email",
        "icecred",
        "key_material",
        "login",
        "mail",
        "new_password",
        "otp",
        "params",
        "parameters",
        "password",
        "phone",
        "pwd",
        "recovery_code",
        "refresh_token",
        "sdp",
        "secret",
        "set_cookie",
        "sms",
        "statement",
        "text",
        "to",
        "token",
        "username",
    ]
)
# Names that the machinery sets itself, of times and identifiers that would look like numbers of phones.
PLAIN_NAMES = frozenset(["level", "logger", "timestamp", "request_id", "job"])
# A value is not longer than this in a log, and a nesting not deeper: both are somebody's input otherwise.
VALUE_LIMIT = 16_384
DEPTH_LIMIT = 6

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # SQLAlchemy's and PostgreSQL's ways of repeating the values of a statement.
    (re.compile(r"\[parameters:[^\n]*"), f"[parameters: {GONE}]"),
    (re.compile(r"(?m)^(DETAIL|CONTEXT):.*$"), rf"\1: {GONE}"),
    # Credentials in an address.
    (re.compile(r"(?<=://)[^/\s@'\"]+@"), f"{GONE}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {GONE}"),
    # password=…, "token": "…", code: 123456
    (
        re.compile(
            r"""(?ix) \b ( [a-z_-]* (?:password|passwd|secret|token|api[_-]?key|otp|cookie|authorization) | code | username | email | phone )
                (['"]? \s* [:=] \s* ['"]? ) (?!\[scrubbed\]|bearer|basic) [^\s'",;&)}\]]+"""
        ),
        rf"\1\2{GONE}",
    ),
    (re.compile(r"(?i)\bcode(\s+(?:is\s+)?)\d{4,8}\b"), rf"code\1{GONE}"),
    (re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"), "[mail]"),
    # JSON web tokens, and other opaque secrets: 40 and more signs with both cases and digits.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), GONE),
    (
        re.compile(r"(?<![A-Za-z0-9_-])(?=[A-Za-z_-]*\d)(?=[a-z\d_-]*[A-Z])(?=[A-Z\d_-]*[a-z])[A-Za-z0-9_-]{40,}(?![A-Za-z0-9_-])"),
        GONE,
    ),
    # E.164 and national forms with their spaces, dots, dashes and parentheses: nine digits and more.
    (re.compile(r"(?<![\w.:/-])(?:\+|00)?\(?\d(?:[\s().\-/]{0,2}\d){8,14}(?![\w:])"), "[phone]"),
)


def scrub_text(text: str) -> str:
    """The text without what looks like a secret or leads to a person."""
    if len(text) > VALUE_LIMIT:
        # Up to a space: half of an address is not seen as one.
        text = text[:VALUE_LIMIT].rpartition(" ")[0] + " …"
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def scrub(value: Any, depth: int = 0) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if depth >= DEPTH_LIMIT:
        return GONE
    if isinstance(value, Mapping):
        return {str(name): _named(str(name), inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub(inner, depth + 1) for inner in value]
    # An object's own words may repeat anything that it holds.
    return scrub_text(str(value))


def _named(name: str, value: Any, depth: int) -> Any:
    if name in PLAIN_NAMES:
        return value
    if name.lower().replace("-", "_") in SECRET_NAMES:
        return value if value is None or isinstance(value, bool) else GONE
    return scrub(value, depth)


def scrub_event(event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every value of a log event, in place; names that begin with `_` are structlog's own."""
    for name, value in event.items():
        if not name.startswith("_"):
            event[name] = _named(name, value, 0)
    return event
