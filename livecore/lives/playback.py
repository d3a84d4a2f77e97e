"""Who may play a live by HLS: players send no headers, so what they may fetch lies under a signed path.

A signed path is looked at once by each process, against the same rules as any other way to watch; from then on the process knows it,
and forgets it when something changes that could end it (a block, a ban, a sign-out, another audience) or after a minute. What was
forgotten is looked at anew at its next request. So nothing has to be kept of who was put out, and no restart opens a door again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from livecore import errors
from livecore.ports import Clock

log = structlog.get_logger("lives")

# A friend who is one no longer, an account that was suspended: found out within this time even if nobody tells.
RECHECK_MS = 60_000
# Longer than any live; what ends a viewing sooner is checked anyway.
LINK_S = 24 * 3600
# Some two kilobytes each at most. A process that is asked by more viewers looks the oldest up again.
KNOWN_LIMIT = 20_000
SCOPE = "hls"


class Grants(Protocol):
    """What is needed of `links.MediaLinks`."""

    def sign(self, scope: str, account_id: str, *, epoch: int = 0, lifetime_s: int | None = None) -> str: ...

    def read(self, token: str) -> "Granted": ...


class Granted(Protocol):
    @property
    def scope(self) -> str: ...

    @property
    def account_id(self) -> str: ...

    @property
    def expires_ms(self) -> int: ...


class Rules(Protocol):
    """What is needed of `lives.service.Lives`."""

    async def check_watch(self, account_id: str, live_id: str) -> None: ...


@dataclass(slots=True)
class Viewing:
    """One viewer's right to one publication. `is_current` turns false when it has to be looked at anew."""

    account_id: str
    live_id: str
    publication_id: str
    expires_ms: int
    checked_ms: int
    is_current: bool = True


class Playback:
    def __init__(self, rules: Rules, links: Grants, clock: Clock) -> None:
        self._rules = rules
        self._links = links
        self._clock = clock
        self._known: OrderedDict[str, Viewing] = OrderedDict()
        self._checks: set[asyncio.Task[None]] = set()

    def sign(self, account_id: str, live_id: str, publication_id: str) -> str:
        """The path segment under which this viewer fetches this publication."""
        return self._links.sign(f"{SCOPE}/{live_id}/{publication_id}", account_id, lifetime_s=LINK_S)

    def known(self, signed: str, live_id: str) -> Viewing | None:
        """What was admitted a moment ago; None: ask `admit`. Never waits."""
        viewing = self._known.get(signed)
        if viewing is None or not viewing.is_current or viewing.live_id != live_id:
            return None
        now_ms = self._clock.at_ms()
        if now_ms >= viewing.expires_ms:
            return None
        if now_ms - viewing.checked_ms > RECHECK_MS:
            # Beside the request, so that a thousand viewers do not stand still once a minute.
            viewing.checked_ms = now_ms
            task = asyncio.get_running_loop().create_task(self._check_again(viewing))
            self._checks.add(task)
            task.add_done_callback(self._checks.discard)
        return viewing

    async def _check_again(self, viewing: Viewing) -> None:
        try:
            await self._rules.check_watch(viewing.account_id, viewing.live_id)
        except errors.Problem as refused:
            if not isinstance(refused, errors.Unavailable):
                viewing.is_current = False

    async def admit(self, signed: str, live_id: str) -> Viewing:
        """Raises Forbidden (no link of ours, or for something else), Gone (expired) or NotFound (may not watch)."""
        viewing = self.known(signed, live_id)
        if viewing is not None:
            return viewing
        grant = self._links.read(signed)
        place, _, rest = grant.scope.partition("/")
        granted_live, _, publication_id = rest.partition("/")
        if place != SCOPE or granted_live != live_id or not publication_id:
            raise errors.Forbidden("This link is for something else.", type="bad_link")
        await self._rules.check_watch(grant.account_id, live_id)
        viewing = Viewing(grant.account_id, live_id, publication_id, grant.expires_ms, self._clock.at_ms())
        self._known[signed] = viewing
        while len(self._known) > KNOWN_LIMIT:
            self._known.popitem(last=False)
        return viewing

    # -- what ends it

    def forget_account(self, account_id: str, live_id: str | None) -> None:
        """A block, a ban, a sign-out: what this account watches, in one live or (None) in all, is looked at anew."""
        self._forget(lambda viewing: viewing.account_id == account_id and live_id in (None, viewing.live_id))

    def forget_live(self, live_id: str) -> None:
        """Its audience changed, or it was taken down."""
        self._forget(lambda viewing: viewing.live_id == live_id)

    def _forget(self, concerns: Callable[[Viewing], bool]) -> None:
        for signed in [signed for signed, viewing in self._known.items() if concerns(viewing)]:
            self._known.pop(signed).is_current = False
