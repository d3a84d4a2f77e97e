"""Text messages through an HTTP hook, or into the outbox where none is configured; keeps the promise of `ports.SmsSender`.

The hook takes `POST` with `{"to": E.164, "text": …}` as JSON and answers 2xx when it has taken the message over. Credentials
in the address (`https://user:password@host/…`) are sent as Basic authentication.
"""

import aiohttp
import structlog
from yarl import URL

from livecore import errors
from livecore.config import Settings
from livecore.platform.outbox import NAME, Outbox
from livecore.ports import Sms, SmsSender

log = structlog.get_logger("sms")

# A message goes out from a job: waiting longer for a silent hook would only hold a place among the jobs.
HOOK_TIMEOUT_S = 10.0


class HookSmsSender:
    """One connection a message: texts are few, and a session kept open would have to be closed by somebody."""

    def __init__(self, url: str) -> None:
        parsed = URL(url)
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise errors.ConfigError("sms_url: http:// or https:// is meant")
        self._auth = aiohttp.encode_basic_auth(parsed.user, parsed.password or "") if parsed.user else None
        self._url = parsed.with_user(None)

    async def send_sms(self, sms: Sms) -> None:
        failure: str | None = None
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HOOK_TIMEOUT_S)) as session,
                session.post(
                    self._url,
                    json={"to": sms.to, "text": sms.text},
                    headers={"Authorization": self._auth} if self._auth else None,
                    allow_redirects=False,
                ) as response,
            ):
                if not 200 <= response.status < 300:
                    failure = f"status {response.status}"
        except (TimeoutError, aiohttp.ClientError, OSError) as exc:
            failure = type(exc).__name__
        if failure is not None:
            # The hook's words may repeat the number: only the kind of failure is told.
            log.warning("sms not handed over", category=sms.category, purpose=sms.purpose, failure=failure)
            raise errors.Unavailable("The SMS hook does not take messages.")
        log.info("sms handed over", category=sms.category, purpose=sms.purpose)


class OutboxSmsSender:
    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def send_sms(self, sms: Sms) -> None:
        self._outbox.append("sms", sms.to, sms.text, sms.code)
        log.info("sms kept in the outbox", category=sms.category, purpose=sms.purpose)


def make_sms_sender(settings: Settings) -> SmsSender:
    if settings.sms_url:
        return HookSmsSender(settings.sms_url)
    return OutboxSmsSender(Outbox(settings.data_dir / NAME))
