"""What is filled in while the composition starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livecore.ports.accounts import DeviceWatcher, PhoneWatcher
    from livecore.ports.lives import PrivateLives
    from livecore.ports.people import Introductions, Muted, SharedAudience
    from livecore.ports.rooms import Signals
    from livecore.ports.trust import Erasures, Notifier, PolicyVersions, Reviews


@dataclass
class Neighbours:
    """What `accounts`, `people` and `lives` use of services that are built after them; `app` fills it in while it starts.

    None means that the part does not run in this process (a command-line call): nothing is then told or recorded there.
    """

    signals: Signals | None = None
    notifier: Notifier | None = None
    policies: PolicyVersions | None = None
    erasures: Erasures | None = None
    reviews: Reviews | None = None
    audience: SharedAudience | None = None
    muted: Muted | None = None
    introductions: Introductions | None = None
    private_lives: PrivateLives | None = None
    device_watchers: list[DeviceWatcher] = field(default_factory=list)
    phone_watchers: list[PhoneWatcher] = field(default_factory=list)

    async def muted_by(self, account_id: str) -> frozenset[str]:
        """As `Muted`; nobody where that part does not run."""
        return frozenset() if self.muted is None else await self.muted.muted_by(account_id)
