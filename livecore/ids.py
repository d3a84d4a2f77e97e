"""Identifiers: UUIDv7 (RFC 9562) as 32 lower-case hexadecimal characters, so that they sort by time of creation."""

import re

import uuid_utils

_ID = re.compile(r"[0-9a-f]{32}")


def new_id() -> str:
    return uuid_utils.uuid7().hex


def is_id(value: str) -> bool:
    return _ID.fullmatch(value) is not None
