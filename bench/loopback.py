"""Load is for one's own machine: an address that is not loopback is refused, since it would be an attack on somebody."""

import ipaddress
import socket
from urllib.parse import urlsplit


class NotLoopback(ValueError):
    """The address leads off this machine."""


def check_url(url: str) -> tuple[str, int]:
    """(host, port) of an address of this machine. Raises NotLoopback for any other, also when only one of its addresses is."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, ValueError) as exc:
        raise NotLoopback(f"{url}: not an address of this machine") from exc
    if not found or not all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in found):
        raise NotLoopback(f"{url} is not on this machine: load is put on loopback addresses only (127.0.0.1, ::1)")
    return host, port
