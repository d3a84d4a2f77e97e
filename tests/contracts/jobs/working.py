"""Handlers and rows of jobs, for the tests of them."""

from typing import Any

from sqlalchemy import select

from livecore.platform.database import SqlDatabase
from livecore.platform.jobs import SqlJobs, job_table
from livecore.ports import Job


class Worker:
    """A handler that keeps what it is given, and fails as often as it is told."""

    def __init__(self, failures: int = 0, problem: Exception | None = None) -> None:
        self.jobs: list[Job] = []
        self.failures = failures
        self.problem = problem or RuntimeError("not this time")

    async def __call__(self, job: Job) -> None:
        self.jobs.append(job)
        if self.failures:
            self.failures -= 1
            raise self.problem


async def enqueue(db: SqlDatabase, jobs: SqlJobs, kind: str = "work", **options: Any) -> str | None:
    async with db.write() as conn:
        return await jobs.enqueue(conn, kind, options.pop("payload", {}), **options)


async def rows(db: SqlDatabase, kind: str = "work") -> list[Any]:
    async with db.read() as conn:
        return list((await conn.execute(select(job_table).where(job_table.c.kind == kind).order_by(job_table.c.id))).all())


async def gone(db: SqlDatabase) -> bool:
    return await rows(db) == []


async def given_up(db: SqlDatabase) -> bool:
    return any(row.failed_ms is not None for row in await rows(db))
