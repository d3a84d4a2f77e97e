"""Logs of one process: structlog and the standard library's records through one line of processors, scrubbed, as text or JSON.

`request_id` and whatever else is bound to the context of a request or a job stands on each line. Scrubbing is the last step
before the line is written, over every value and over exception texts, so that a careless line still tells nothing about
a person (see `livecore.platform.scrub`).
"""

import logging
import sys
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from livecore.config import Settings
from livecore.platform.scrub import scrub_event

# These tell of every connection at `info`, addresses included.
_QUIET = ("aiohttp.access", "aiortc", "aioice", "alembic", "asyncio", "engineio", "limits", "socketio", "PIL", "urllib3", "mail.log")


def _scrub(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return scrub_event(event)


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure(settings: Settings) -> None:
    """Set both up for this process; safe to call again."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    last: Any
    if settings.log_format == "json":
        last = structlog.processors.JSONRenderer(serializer=_json)
    else:
        last = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback, colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _scrub,
                # After scrubbing: a time is not a phone number.
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                last,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
