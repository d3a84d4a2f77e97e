"""Claims about intellectual property: received, confirmed by mail, decided by staff, withdrawn or countered.

    unconfirmed → received → upheld → withdrawn | countered → restored
                           ↘ rejected
    (withdrawn can be reached from any state but rejected and restored)

What a claimant writes is sealed under `claim:{id}`, a key that ends with the record.
"""

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Row, delete, insert, select, update

from livecore import errors
from livecore.errors import FieldError, Invalid
from livecore.ids import new_id
from livecore.ports import Audit, Clock, Database, Job, Jobs, KeyDestroyed, Keys, Mail, Mailer, TakedownTarget
from livecore.trust.elements import missing, missing_of_counter
from livecore.trust.tables import CLAIM_DAYS, claim
from livecore.trust.targets import Found, Pointer, Takedowns

MAIL = "claim.mail"
STATES = ("unconfirmed", "received", "upheld", "rejected", "withdrawn", "countered", "restored")
# A six-digit code then gives 1 in 200,000; a new one is a new claim.
CODE_TRIES = 5
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Receipt:
    """The token is told once and kept as a keyed hash."""

    id: str
    token: str


@dataclass(frozen=True)
class ClaimView:
    """One claim. `details` and `counter_notice` are opened for staff and for the claimant only."""

    id: str
    kind: str
    state: str
    target: TakedownTarget | None
    owner_id: str | None
    channel: str
    received_ms: int
    decided_ms: int | None
    countered_ms: int | None
    details: dict[str, Any] | None = None
    counter_notice: dict[str, Any] | None = None


def _view(row: Row[Any], details: dict[str, Any] | None = None, counter: dict[str, Any] | None = None) -> ClaimView:
    target = TakedownTarget(row.target_kind, row.target_id) if row.target_id else None
    return ClaimView(
        row.id,
        row.kind,
        row.state,
        target,
        row.owner_id,
        row.channel,
        row.received_ms,
        row.decided_ms,
        row.countered_ms,
        details,
        counter,
    )


class Claims:
    def __init__(
        self,
        db: Database,
        keys: Keys,
        clock: Clock,
        jobs: Jobs,
        mailer: Mailer,
        audit: Audit,
        takedowns: Takedowns,
        url: Callable[[], str],
    ) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._jobs = jobs
        self._mailer = mailer
        self._audit = audit
        self._takedowns = takedowns
        self._url = url
        jobs.handle(MAIL, self._send)

    # -- the claimant
    async def submit(self, kind: str, pointer: Pointer | None, given: Mapping[str, Any]) -> Receipt:
        """Raises Invalid naming each missing element; then nothing was written."""
        faults = missing(kind, dict(given) | {"target": pointer})
        if faults:
            raise Invalid(faults)
        assert pointer is not None
        found = await self._takedowns.find(pointer)
        claim_id, token = new_id(), secrets.token_urlsafe(32)
        details = await self._keys.seal(f"claim:{claim_id}", orjson.dumps(dict(given)), "claim.details")
        async with self._db.write() as conn:
            await conn.execute(
                insert(claim).values(
                    id=claim_id,
                    kind=kind,
                    state="unconfirmed",
                    target_kind=found.target.kind,
                    target_id=found.target.id,
                    owner_id=found.owner_id,
                    details=details,
                    receipt_hash=self._hash("receipt", token),
                    code_tries=0,
                    channel="web",
                    received_ms=self._clock.at_ms(),
                )
            )
            await self._audit.record(conn, "system", "claim.submit", subject=found.owner_id, case=claim_id, target=_words(found.target))
            await self._jobs.enqueue(conn, MAIL, {"claim": claim_id, "letter": "confirm"})
        return Receipt(claim_id, token)

    async def confirm(self, claim_id: str, code: str) -> None:
        """Raises Invalid (another code, too many wrong ones before it, or no such claim: whoever guesses ids learns nothing), and
        Conflict for the right code of a claim that is confirmed."""
        refused = Invalid([FieldError("code", "is not the one that was sent, or too many wrong ones came before it")])
        async with self._db.write() as conn:
            row = (await conn.execute(select(claim).where(claim.c.id == claim_id))).one_or_none()
            if row is None or row.code_tries >= CODE_TRIES or row.code_hash is None:
                raise refused
            right = hmac.compare_digest(row.code_hash, self._hash(f"code:{claim_id}", code))
            if right and row.state != "unconfirmed":
                raise errors.Conflict("This claim's mail address is confirmed already.")
            changes: dict[str, Any] = {"code_tries": row.code_tries + 1}
            if right:
                changes = {"state": "received", "confirmed_ms": self._clock.at_ms()}
            await conn.execute(update(claim).where(claim.c.id == claim_id).values(changes))
        if not right:
            raise refused

    async def by_receipt(self, claim_id: str, token: str) -> ClaimView:
        row = await self._with_receipt(claim_id, token)
        counter = await self._open(row.id, row.counter_notice, "claim.counter_notice")
        return _view(row, await self._open(row.id, row.details, "claim.details"), counter)

    async def withdraw(self, claim_id: str, token: str) -> ClaimView:
        """What was taken down on this claim alone comes back. Raises Conflict when there is nothing to withdraw."""
        row = await self._with_receipt(claim_id, token)
        now = self._clock.at_ms()
        async with self._db.write() as conn:
            changed = await conn.execute(
                update(claim)
                .where(claim.c.id == claim_id, claim.c.state.in_(("unconfirmed", "received", "upheld", "countered")))
                .values(state="withdrawn", closed_ms=now)
            )
            if not changed.rowcount:
                raise errors.Conflict(f"This claim is {row.state}.")
            await self._takedowns.restore(conn, "claim", claim_id)
            await self._audit.record(conn, "system", "claim.withdraw", subject=row.owner_id, case=claim_id)
        return await self.by_receipt(claim_id, token)

    # -- the owner
    async def against(self, owner_id: str, before: str | None, limit: int) -> Sequence[ClaimView]:
        """Confirmed claims about this account's content, newest first."""
        query = select(claim).where(claim.c.owner_id == owner_id, claim.c.confirmed_ms.is_not(None))
        if before is not None:
            query = query.where(claim.c.id < before)
        async with self._db.read() as conn:
            return [_view(row) for row in (await conn.execute(query.order_by(claim.c.id.desc()).limit(limit))).all()]

    async def counter(self, owner_id: str, claim_id: str, given: Mapping[str, Any]) -> ClaimView:
        """The owner's answer to an upheld claim. Raises Invalid naming what is missing, NotFound, Conflict."""
        faults = missing_of_counter(given)
        if faults:
            raise Invalid(faults)
        async with self._db.read() as conn:
            row = (await conn.execute(select(claim).where(claim.c.id == claim_id, claim.c.owner_id == owner_id))).one_or_none()
        if row is None or row.confirmed_ms is None:
            raise errors.NotFound("There is no such claim about you.")
        sealed = await self._keys.seal(f"claim:{claim_id}", orjson.dumps(dict(given)), "claim.counter_notice")
        async with self._db.write() as conn:
            changed = await conn.execute(
                update(claim)
                .where(claim.c.id == claim_id, claim.c.state == "upheld")
                .values(state="countered", countered_ms=self._clock.at_ms(), counter_notice=sealed)
            )
            if not changed.rowcount:
                raise errors.Conflict(f"This claim is {row.state}; a counter-notice answers one that was upheld.")
            await self._audit.record(conn, owner_id, "claim.counter", subject=owner_id, case=claim_id)
            await self._jobs.enqueue(conn, MAIL, {"claim": claim_id, "letter": "countered"})
        return _view(await self._row(claim_id))

    # -- staff
    async def queue(self, state: str | None, before: str | None, limit: int) -> Sequence[ClaimView]:
        query = select(claim)
        if state is not None:
            query = query.where(claim.c.state == state)
        if before is not None:
            query = query.where(claim.c.id < before)
        async with self._db.read() as conn:
            return [_view(row) for row in (await conn.execute(query.order_by(claim.c.id.desc()).limit(limit))).all()]

    async def for_staff(self, actor: str, claim_id: str) -> ClaimView:
        """With what the claimant wrote; the look is recorded."""
        row = await self._row(claim_id)
        async with self._db.write() as conn:
            await self._audit.record(conn, actor, "claim.read", subject=row.owner_id, case=claim_id)
        counter = await self._open(row.id, row.counter_notice, "claim.counter_notice")
        return _view(row, await self._open(row.id, row.details, "claim.details"), counter)

    async def decide(self, actor: str, claim_id: str, decision: str, reason: str) -> ClaimView:
        """`uphold` takes the target down everywhere, `reject` closes, `restore` follows a counter-notice. Raises Conflict."""
        row = await self._row(claim_id)
        expected = {"uphold": "received", "reject": "received", "restore": "countered"}[decision]
        state = {"uphold": "upheld", "reject": "rejected", "restore": "restored"}[decision]
        target = TakedownTarget(row.target_kind, row.target_id) if row.target_id else None
        owner = await self._takedowns.owner_of(target) if target is not None else None
        now = self._clock.at_ms()
        async with self._db.write() as conn:
            changed = await conn.execute(
                update(claim)
                .where(claim.c.id == claim_id, claim.c.state == expected)
                .values(state=state, decided_ms=now, closed_ms=None if decision == "uphold" else now)
            )
            if not changed.rowcount:
                raise errors.Conflict(f"This claim is {(await self._row(claim_id)).state}, not {expected}.")
            if decision == "uphold" and target is not None and owner is not None:
                await self._takedowns.disable(conn, Found(target, owner), "claim", claim_id, f"{row.kind} claim")
            elif decision == "restore":
                await self._takedowns.restore(conn, "claim", claim_id)
            words = _words(target) if target is not None else None
            await self._audit.record(
                conn, actor, f"claim.{decision}", subject=owner, target=words, case=claim_id, details={"reason": reason}
            )
            await self._jobs.enqueue(conn, MAIL, {"claim": claim_id, "letter": state})
        return _view(await self._row(claim_id))

    async def knows(self, claim_id: str) -> bool:
        async with self._db.read() as conn:
            return (await conn.execute(select(claim.c.id).where(claim.c.id == claim_id))).first() is not None

    # -- the end of a record
    async def expire(self) -> None:
        """Claims whose time is over: the key first, so that what backups hold cannot be read any more. Claims that nobody
        confirmed within a day were nobody's."""
        now = self._clock.at_ms()
        over = (claim.c.closed_ms < now - CLAIM_DAYS * _DAY_MS) | ((claim.c.state == "unconfirmed") & (claim.c.received_ms < now - _DAY_MS))
        async with self._db.read() as conn:
            ids = (await conn.execute(select(claim.c.id).where(over).limit(1000))).scalars().all()
        if ids:
            await self._keys.destroy([f"claim:{claim_id}" for claim_id in ids])
            async with self._db.write() as conn:
                await conn.execute(delete(claim).where(claim.c.id.in_(ids)))

    # -- inside
    def _hash(self, kind: str, secret: str) -> bytes:
        return self._keys.blind(f"claim-{kind}", secret)

    async def _row(self, claim_id: str) -> Row[Any]:
        async with self._db.read() as conn:
            row = (await conn.execute(select(claim).where(claim.c.id == claim_id))).one_or_none()
        if row is None:
            raise errors.NotFound("There is no such claim.")
        return row

    async def _with_receipt(self, claim_id: str, token: str) -> Row[Any]:
        """A wrong token and a wrong id answer alike."""
        row = await self._row(claim_id)
        if not hmac.compare_digest(row.receipt_hash, self._hash("receipt", token)):
            raise errors.NotFound("There is no such claim.")
        return row

    async def _open(self, claim_id: str, sealed: bytes | None, context: str) -> dict[str, Any] | None:
        if sealed is None:
            return None
        try:
            opened: dict[str, Any] = orjson.loads(await self._keys.open(f"claim:{claim_id}", sealed, context))
        except KeyDestroyed:
            return None
        return opened

    async def _send(self, job: Job) -> None:
        claim_id, letter = str(job.payload["claim"]), str(job.payload["letter"])
        async with self._db.read() as conn:
            row = (await conn.execute(select(claim).where(claim.c.id == claim_id))).one_or_none()
        details = await self._open(claim_id, row.details, "claim.details") if row is not None else None
        if row is None or details is None:
            return
        code = None
        if letter == "confirm":
            code = f"{secrets.randbelow(1_000_000):06d}"
            async with self._db.write() as conn:
                await conn.execute(update(claim).where(claim.c.id == claim_id).values(code_hash=self._hash(f"code:{claim_id}", code)))
        text = _LETTERS[letter].format(code=code, id=claim_id, url=self._url())
        if letter == "countered":
            counter = await self._open(claim_id, row.counter_notice, "claim.counter_notice") or {}
            text += "\n\n" + "\n".join(f"{name}: {value}" for name, value in counter.items() if isinstance(value, str) and value)
        mail = Mail(details["contact"]["email"], _SUBJECTS[letter], text, code, category="claim", purpose="legal")
        await self._mailer.send_mail(mail)


def _words(target: TakedownTarget) -> str:
    # A profile's target is its account: the audit row names that as the subject, not here.
    return target.kind if target.kind.startswith("profile_") else f"{target.kind}/{target.id}"


_SUBJECTS = {
    "confirm": "Confirm your claim",
    "upheld": "Your claim was upheld",
    "rejected": "Your claim was not upheld",
    "countered": "A counter-notice to your claim",
    "restored": "The material of your claim was restored",
}
_LETTERS = {
    "confirm": "Your claim has reached us. Confirm your mail address with the code {code} at {url}/claim/{id}#code={code}",
    "upheld": "Your claim {id} was upheld. The material is disabled everywhere here, and its owner was told.",
    "rejected": "Your claim {id} was looked at and not upheld. The material stays.",
    "countered": (
        "The owner of the material answered your claim {id} with the counter-notice below. Unless you tell us within ten business days that you "
        "have filed an action seeking a court order, the material may be restored (17 USC 512(g))."
    ),
    "restored": "After the counter-notice to your claim {id}, the material was restored.",
}
