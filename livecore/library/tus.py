"""tus 1.0 as values: what a request's headers say, and the headers of an answer. No I/O.

The protocol: creation, creation-with-upload, creation-defer-length, expiration, checksum, termination, concatenation.
What another version or a malformed header is refused with stands at each reader.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from livecore import errors
from livecore.errors import FieldError, Invalid

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation"
# For finding bytes that a network changed; nothing is proved by them, so that old ones do.
ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "md5": hashlib.md5}
PART_TYPE = "application/offset+octet-stream"
# A file name, a title and a few words more.
METADATA_LIMIT_CHARS = 4096
# What clients that send in parallel use is below ten.
CONCAT_LIMIT = 100

_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,100}")
# A client may name the upload by path or by whole address.
_UPLOAD = re.compile(r"(?:https?://[^/\s]+)?/uploads/([0-9a-f]{32})")


@dataclass(frozen=True)
class Checksum:
    algorithm: str
    digest: bytes


@dataclass(frozen=True)
class Concat:
    """`Upload-Concat`: `kind` is "", "partial" or "final"; `parts` are upload ids, in order, of a final one."""

    kind: str = ""
    parts: tuple[str, ...] = ()


def check_version(headers: Mapping[str, str]) -> None:
    """Raises StaleTag (412) for another version, naming ours."""
    if headers.get("Tus-Resumable") != VERSION:
        raise errors.StaleTag(f"Tus-Resumable: {VERSION} is spoken here.", type="tus_version", headers={"Tus-Version": VERSION})


def number(headers: Mapping[str, str], name: str) -> int | None:
    """A non-negative integer header, None when it is not there. Raises Malformed."""
    value = headers.get(name)
    if value is None:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise errors.Malformed(f"{name} is a number of bytes.")
    return int(value)


def length(headers: Mapping[str, str], *, needed: bool) -> int | None:
    """`Upload-Length`, or None for a deferred one. Raises Malformed when neither or both are given and one is needed."""
    given, deferred = number(headers, "Upload-Length"), headers.get("Upload-Defer-Length")
    if deferred is not None and (deferred != "1" or given is not None):
        raise errors.Malformed("Upload-Defer-Length is 1, and then there is no Upload-Length.")
    if needed and given is None and deferred is None:
        raise errors.Malformed("Upload-Length is needed.")
    return given


def metadata(header: str | None) -> dict[str, str]:
    """`Upload-Metadata`: keys with base64 values, values as text. Raises Malformed, or Invalid for text that is none."""
    if header is None or not header.strip():
        return {}
    if len(header) > METADATA_LIMIT_CHARS:
        raise Invalid([FieldError("Upload-Metadata", f"is longer than {METADATA_LIMIT_CHARS} characters")])
    found: dict[str, str] = {}
    for pair in header.split(","):
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise errors.Malformed("Upload-Metadata has keys without spaces or commas, each once, each with a base64 value.")
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError) as exc:
            raise Invalid([FieldError(f"Upload-Metadata.{key}", "is base64 of UTF-8 text")]) from exc
    return found


def checksum(header: str | None) -> Checksum | None:
    """`Upload-Checksum`. Raises Malformed for an algorithm that is not known, or what is no digest of it."""
    if header is None:
        return None
    algorithm, _, encoded = header.strip().partition(" ")
    make = ALGORITHMS.get(algorithm)
    if make is None:
        raise errors.Malformed(f"Upload-Checksum is by one of {', '.join(ALGORITHMS)}.", type="checksum_algorithm")
    try:
        digest = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise errors.Malformed("Upload-Checksum is an algorithm and a base64 digest.") from exc
    if len(digest) != make(usedforsecurity=False).digest_size:
        raise errors.Malformed("Upload-Checksum has a digest of another length.")
    return Checksum(algorithm, digest)


def concat(header: str | None) -> Concat:
    """`Upload-Concat`. Raises Malformed."""
    if header is None:
        return Concat()
    header = header.strip()
    if header == "partial":
        return Concat("partial")
    kind, _, addresses = header.partition(";")
    found = [_UPLOAD.fullmatch(address) for address in addresses.split()]
    if kind != "final" or not found or not all(found) or len(found) > CONCAT_LIMIT:
        raise errors.Malformed(f"Upload-Concat is `partial`, or `final;` and the addresses of 1 to {CONCAT_LIMIT} partial uploads.")
    parts = tuple(match[1] for match in found if match)
    if len(set(parts)) != len(parts):
        raise errors.Malformed("Upload-Concat names an upload twice.")
    return Concat("final", parts)


def state_headers(row: Mapping[str, Any], parts: Sequence[str] = ()) -> dict[str, str]:
    """What `HEAD` says of an upload; `parts` are the ids that a final one is made of."""
    found = {"Upload-Offset": str(row["received_bytes"]), "Cache-Control": "no-store"}
    if row["length_bytes"] is None:
        found["Upload-Defer-Length"] = "1"
    else:
        found["Upload-Length"] = str(row["length_bytes"])
    if row["metadata"]:
        found["Upload-Metadata"] = row["metadata"]
    if row["concat"] == "partial":
        found["Upload-Concat"] = "partial"
    elif row["concat"] == "final":
        found["Upload-Concat"] = "final;" + " ".join(f"/uploads/{part}" for part in parts)
    return found | progress_headers(row)


def progress_headers(row: Mapping[str, Any]) -> dict[str, str]:
    """When the upload is forgotten, and what it became."""
    found = {"Upload-Expires": format_datetime(datetime.fromtimestamp(row["expires_ms"] // 1000, UTC), usegmt=True)}
    if row["resource"] is not None:
        found["Link"] = f'<{row["resource"]}>; rel="related"'
    return found
