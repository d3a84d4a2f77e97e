"""Time-based one-time passwords (RFC 6238 on RFC 4226: SHA-1, six digits, steps of 30 s). Pure: the time is an argument."""

import base64
import hmac
import struct
from urllib.parse import quote

STEP_S = 30
DIGITS = 6
SECRET_BYTES = 20
# A phone's clock may be one step off, and typing takes time.
WINDOW_STEPS = 1


def code_at(secret: bytes, step: int) -> str:
    digest = hmac.digest(secret, struct.pack("!Q", step), "sha1")
    offset = digest[-1] & 0x0F
    (number,) = struct.unpack("!I", digest[offset : offset + 4])
    return f"{(number & 0x7FFFFFFF) % 10**DIGITS:0{DIGITS}d}"


def matching_step(secret: bytes, code: str, at_ms: int, last_step: int) -> int | None:
    """The step whose code it is; None when it is wrong, or not newer than `last_step`: a code works once."""
    present = at_ms // 1000 // STEP_S
    for step in range(present - WINDOW_STEPS, present + WINDOW_STEPS + 1):
        if step > last_step and hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            return step
    return None


def secret_text(secret: bytes) -> str:
    """Base32 without padding, as apps take it."""
    return base64.b32encode(secret).decode().rstrip("=")


def address(secret: bytes, issuer: str, username: str) -> str:
    """What a QR code for an authenticator app holds."""
    return (
        f"otpauth://totp/{quote(issuer)}:{quote(username)}?secret={secret_text(secret)}&issuer={quote(issuer)}"
        f"&algorithm=SHA1&digits={DIGITS}&period={STEP_S}"
    )
