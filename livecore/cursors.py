"""Opaque, signed cursors for lists: a client can neither read meaning into one nor make one up."""

import base64
import hmac
from typing import Any

import orjson

from livecore.errors import FieldError, Invalid
from livecore.ports import Keys

_TAG_BYTES = 12
# A ranked feed fixes the ids of its first page in the cursor; nothing longer is ours.
CURSOR_LIMIT_CHARS = 16_384


def encode_cursor(keys: Keys, kind: str, values: list[Any]) -> str:
    """`values` are JSON values; `kind` names the list, so that a cursor works nowhere else."""
    body = orjson.dumps(values)
    tag = keys.blind(f"cursor:{kind}", body.decode())[:_TAG_BYTES]
    return base64.urlsafe_b64encode(tag + body).rstrip(b"=").decode()


def decode_cursor(keys: Keys, kind: str, cursor: str) -> list[Any]:
    """Raises Invalid naming `cursor` when it is not one of ours."""
    if len(cursor) > CURSOR_LIMIT_CHARS:
        raise _refused()
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, keys.blind(f"cursor:{kind}", body.decode())[:_TAG_BYTES]):
            raise _refused()
        values = orjson.loads(body)
    except (ValueError, UnicodeDecodeError) as exc:
        raise _refused() from exc
    if not isinstance(values, list):
        raise _refused()
    return values


def _refused() -> Invalid:
    return Invalid([FieldError("cursor", "is not one that this list gave out")])
