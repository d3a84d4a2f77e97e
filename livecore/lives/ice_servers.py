"""STUN and TURN servers for clients, as `Link` header fields (RFC 9725, 4.6), with short-lived TURN credentials
(the shared-secret scheme that coturn calls `use-auth-secret`): the user name is an expiry time and a keyed word
for the person, the password its HMAC-SHA-1."""

import base64
import hmac
from collections.abc import Sequence


def turn_credentials(secret: str, who: str, expires_s: int) -> tuple[str, str]:
    """User name and password that a TURN server with the same secret accepts until `expires_s` (Unix seconds)."""
    username = f"{expires_s}:{who}"
    password = base64.b64encode(hmac.digest(secret.encode(), username.encode(), "sha1")).decode()
    return username, password


def link_values(servers: Sequence[str], secret: str, who: str, now_s: int, lifetime_s: int) -> list[str]:
    """One `Link` value a server. `who` must not identify a person to the TURN server's operator."""
    values = []
    for server in servers:
        value = f'<{server}>; rel="ice-server"'
        if server.startswith(("turn:", "turns:")):
            username, credential = turn_credentials(secret, who, now_s + lifetime_s)
            value += f'; username="{username}"; credential="{credential}"; credential-type="password"'
        values.append(value)
    return values
