"""News about the service by mail: to those alone who switched them on, each letter once."""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from sqlalchemy import select

from livecore import errors
from livecore.accounts import tables
from livecore.accounts.consent_mail import MARKETING
from livecore.accounts.preferences import Preferences
from livecore.accounts.records import Records
from livecore.ids import new_id
from livecore.ports import Clock, Database, Job, Jobs, Mail, Mailer

log = structlog.get_logger("accounts")

JOB = "accounts.news"
# Accounts looked at by one job: a kill in the middle repeats the looking, not the letters.
_BATCH = 200


class News:
    def __init__(self, db: Database, clock: Clock, jobs: Jobs, records: Records, preferences: Preferences, mailer: Mailer) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._records = records
        self._preferences = preferences
        self._mailer = mailer
        # Ids of active accounts above one, in order; set by the assembly.
        self.active_ids: Callable[[str, int], Awaitable[Sequence[str]]] | None = None
        jobs.handle(JOB, self._run)

    async def wants(self, address: str) -> bool:
        """Whether whoever confirmed this mail address has news switched on and does not restrict the use of their data."""
        columns = tables.account.c
        query = select(columns.id).where(
            columns.email_index == self._records.email_index(address), columns.state == "active", columns.email_verified_ms.is_not(None)
        )
        async with self._db.read() as conn:
            account_id = (await conn.execute(query)).scalar_one_or_none()
        if account_id is None or await self._preferences.get(account_id, "restrict"):
            return False
        return bool(await self._preferences.get(account_id, "marketing"))

    async def send(self, account_id: str, letter_id: str, subject: str, text: str) -> bool:
        """Raises Forbidden (`opted_out`), NotFound. False when this letter went to them before."""
        person = await self._records.by_id(account_id)
        if person is None:
            raise errors.NotFound("There is no such account.")
        sent = tables.newsletter_sent
        async with self._db.read() as conn:
            known = select(sent.c.at_ms).where(sent.c.account_id == account_id, sent.c.letter_id == letter_id)
            if (await conn.execute(known)).first() is not None:
                return False
        await self._mailer.send_mail(Mail(person.email, subject, text, category="news", purpose=MARKETING))
        async with self._db.write() as conn:
            await conn.execute(sent.insert().values(account_id=account_id, letter_id=letter_id, at_ms=self._clock.at_ms()))
        return True

    async def send_to_all(self, subject: str, text: str) -> str:
        """The letter's id; it goes out by jobs, to those who want it."""
        letter_id = new_id()
        async with self._db.write() as conn:
            row = {"id": letter_id, "title": subject, "text": text, "created_ms": self._clock.at_ms()}
            await conn.execute(tables.newsletter.insert().values(row))
            await self._jobs.enqueue(conn, JOB, {"letter": letter_id, "after": ""})
        return letter_id

    async def _run(self, job: Job) -> None:
        if self.active_ids is None:
            return
        letter = tables.newsletter.c
        async with self._db.read() as conn:
            row = (await conn.execute(select(letter.title, letter.text).where(letter.id == job.payload["letter"]))).one_or_none()
        ids = await self.active_ids(job.payload["after"], _BATCH)
        if row is None or not ids:
            return
        for account_id in ids:
            try:
                await self.send(account_id, job.payload["letter"], row.title, row.text)
            except (errors.Forbidden, errors.NotFound):
                continue
        async with self._db.write() as conn:
            await self._jobs.enqueue(conn, JOB, {"letter": job.payload["letter"], "after": ids[-1]})
