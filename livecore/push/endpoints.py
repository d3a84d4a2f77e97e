"""Which addresses are believed to be a push service's. Pure.

The address comes from a client and is called by the server: one that could name any host would make the server knock at
doors inside its own network (server-side request forgery). So only known services are called.
"""

from urllib.parse import urlsplit

from livecore.errors import FieldError, Invalid

ENDPOINT_LIMIT = 1000


def check_endpoint(endpoint: str, services: str) -> str:
    """`services`: comma-separated hosts; `*.example` takes every host below; `http://host:port` names one origin that is no HTTPS.

    Raises Invalid naming `endpoint`.
    """
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        raise Invalid([FieldError("endpoint", "is no address")]) from None
    host = (parts.hostname or "").lower()
    if (
        len(endpoint) > ENDPOINT_LIMIT
        or not host
        or parts.username
        or parts.password
        or not endpoint.isascii()
        or not endpoint.isprintable()
    ):
        raise Invalid([FieldError("endpoint", "is no address of a push service")])
    for service in (word.strip().lower() for word in services.split(",")):
        if service.startswith("http://"):
            if f"{parts.scheme}://{parts.netloc}".lower() == service:
                return endpoint
        elif (
            parts.scheme == "https"
            and port in (None, 443)
            and (host == service or (service.startswith("*.") and host.endswith(service[1:])))
        ):
            return endpoint
    raise Invalid([FieldError("endpoint", "is no push service that is called from here")])
