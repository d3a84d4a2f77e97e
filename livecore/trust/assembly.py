"""How claims, reports and takedowns are put together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from livecore.config import Settings
from livecore.ports import AccountStates, Activity, Audit, Blocker, Clock, Database, Directory, Jobs, Keys, Mailer, Notifier, TakedownPort
from livecore.trust.claims import Claims
from livecore.trust.reports import Reports
from livecore.trust.suspensions import Suspensions
from livecore.trust.targets import Takedowns


@dataclass(frozen=True)
class Engines:
    """`url`: the site's own address, once it is known. `owners`: who takes down what, by kind."""

    db: Database
    keys: Keys
    clock: Clock
    jobs: Jobs
    mailer: Mailer
    audit: Audit
    notifier: Notifier
    directory: Directory
    activity: Activity
    blocker: Blocker
    owners: Mapping[str, TakedownPort]
    states: AccountStates
    settings: Settings
    url: Callable[[], str]


class TrustParts:
    def __init__(self, e: Engines) -> None:
        self.takedowns = Takedowns(e.db, e.clock, e.directory, e.notifier, e.audit, e.owners)
        self.claims = Claims(e.db, e.keys, e.clock, e.jobs, e.mailer, e.audit, self.takedowns, e.url)
        self.suspensions = Suspensions(e.db, e.clock, e.jobs, e.states, e.audit, e.notifier)
        self.reports = Reports(
            e.db, e.keys, e.clock, e.settings, e.directory, e.audit, e.notifier, e.activity, self.takedowns, e.blocker, self.suspensions
        )

    async def knows_case(self, case_id: str) -> bool:
        """Whether a claim or a report has this id: what staff must name to read a person's account."""
        return await self.claims.knows(case_id) or await self.reports.knows(case_id)
