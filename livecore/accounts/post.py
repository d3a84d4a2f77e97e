"""The jobs that send codes and letters: they carry ids, and open addresses only to hand them to the next system."""

from sqlalchemy import select

from livecore.accounts import letters, tables
from livecore.accounts.codes import Codes
from livecore.accounts.records import Records, scope
from livecore.config import Settings
from livecore.ports import Clock, Database, Job, KeyDestroyed, Keys, Mail, Mailer, Sms, SmsSender


class Post:
    def __init__(
        self,
        db: Database,
        keys: Keys,
        clock: Clock,
        settings: Settings,
        records: Records,
        codes: Codes,
        mailer: Mailer,
        sms: SmsSender,
    ) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._minutes = settings.code_ttl_s // 60
        self._grace_days = settings.erasure_grace_s // 86400
        self._records = records
        self._codes = codes
        self._mailer = mailer
        self._sms = sms

    async def send_code(self, job: Job) -> None:
        """Nothing is sent where the code was replaced, used, or is over before it could be sent."""
        columns = tables.account_code.c
        async with self._db.read() as conn:
            row = (await conn.execute(select(tables.account_code).where(columns.id == job.payload["code_id"]))).one_or_none()
        if row is None or row.used_ms is not None or row.expires_ms <= self._clock.at_ms():
            return
        person = await self._records.by_id(row.account_id)
        if person is None:
            return
        to = person.phone if row.purpose == "phone" else person.email
        if row.target is not None:
            try:
                to = (await self._keys.open(scope(row.account_id), row.target, "account_code.target")).decode()
            except KeyDestroyed:
                return
        code = self._codes.code_of(row.id)
        if row.purpose == "phone":
            await self._sms.send_sms(Sms(to, letters.code_text(code, self._minutes), code=code))
            return
        letter = letters.code_letter(code, self._minutes, row.purpose)
        await self._mailer.send_mail(Mail(to, letter.subject, letter.text, code=code))

    async def send_letter(self, job: Job) -> None:
        person = await self._records.by_id(job.payload["account_id"])
        letter = await self._letter(job)
        if person is not None and letter is not None:
            await self._mailer.send_mail(Mail(person.email, letter.subject, letter.text, purpose="safety"))

    async def _letter(self, job: Job) -> letters.Letter | None:
        match job.payload["letter"]:
            case "new_device":
                session, device = tables.account_session, tables.account_device
                query = (
                    select(device.c.name, session.c.address_class)
                    .join(device, device.c.id == session.c.device_id)
                    .where(session.c.id == job.payload["session_id"])
                )
                async with self._db.read() as conn:
                    row = (await conn.execute(query)).one_or_none()
                # Signed out again: the letter would name a device that is not there.
                return None if row is None else letters.new_device(row.name, row.address_class)
            case "password_changed":
                return letters.password_changed()
            case "email_changes":
                return letters.contact_changed("mail address")
            case "phone_changes":
                return letters.contact_changed("phone number")
            case "suspended":
                return letters.suspended()
            case "reinstated":
                return letters.reinstated()
            case "deletion":
                return letters.deletion(self._grace_days)
        raise ValueError(f"no such letter: {job.payload['letter']}")
