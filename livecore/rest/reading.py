"""Reading what a client sent: its JSON within limits, its token, where it comes from."""

import ipaddress

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from livecore import errors
from livecore.errors import FieldError, Invalid

# What pydantic finds wrong, by its name for it; the rest says its own message.
_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be one of {expected}",
    "string_pattern_mismatch": "must have the form {pattern}",
}


def address_class(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network(f"{ip}/{24 if ip.version == 4 else 48}", strict=False))


def subscriber(address: str) -> str:
    """What limits by address count as one: an IPv4 address, or the 64 bits of IPv6 in which a subscriber has addresses without end."""
    if ":" not in address:
        return address
    try:
        ip = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip.ipv4_mapped or ipaddress.ip_network(f"{ip}/64", strict=False))


def client_address(request: web.Request, trusted_proxies: int) -> str:
    """The nearest address that no trusted proxy stands for (X-Forwarded-For read from the right)."""
    peer = request.remote or ""
    if not trusted_proxies:
        return peer
    hops = [hop.strip() for value in request.headers.getall("X-Forwarded-For", []) for hop in value.split(",") if hop.strip()]
    return hops[-trusted_proxies] if len(hops) >= trusted_proxies else peer


def fields_of(exc: ValidationError, prefix: str = "") -> list[FieldError]:
    """Pydantic's errors in our words; values are never repeated (they may be somebody's data)."""
    found = []
    for error in exc.errors(include_url=False, include_input=False):
        path = ".".join(str(part) for part in error["loc"] if not (isinstance(part, str) and part.startswith("function-")))
        words = _REASONS.get(error["type"])
        reason = error["msg"].removeprefix("Value error, ") if words is None else words.format(**error.get("ctx", {}))
        found.append(FieldError(f"{prefix}{path}" or "body", reason))
    return found


def check_declared_length(request: web.Request, limit_bytes: int) -> None:
    if request.content_length is not None and request.content_length > limit_bytes:
        raise errors.TooLarge(f"At most {limit_bytes} bytes.")


async def read_json(request: web.Request, model: type[BaseModel], limit_bytes: int) -> BaseModel:
    """Raises Malformed, WrongMedia, TooLarge or Invalid."""
    if request.content_type not in ("application/json", "application/octet-stream") or (
        request.content_type == "application/octet-stream" and "Content-Type" in request.headers
    ):
        raise errors.WrongMedia("Send application/json.", headers={"Accept": "application/json"})
    data = await read_bytes(request, limit_bytes)
    if not data:
        data = b"{}"
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        raise errors.Malformed("The body is not JSON.") from exc
    if not isinstance(content, dict):
        raise Invalid([FieldError("body", "must be an object")])
    try:
        # Strictly, as JSON: "no" is no boolean and "5" no number, while a date is a text.
        return model.model_validate_json(data, strict=True)
    except ValidationError as exc:
        raise Invalid(fields_of(exc)) from exc
    except RecursionError as exc:
        raise errors.Malformed("The body is nested too deeply.") from exc


async def read_bytes(request: web.Request, limit_bytes: int) -> bytes:
    """The whole body, never more than the limit in memory."""
    check_declared_length(request, limit_bytes)
    data = bytearray()
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > limit_bytes:
            raise errors.TooLarge(f"At most {limit_bytes} bytes.")
    return bytes(data)


def bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None
