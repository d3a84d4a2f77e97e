"""How the engines are put together: which of them keeps which promise is what the settings name."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from sqlalchemy import MetaData

from livecore.config import Settings
from livecore.platform.bus import MemoryBus, make_bus
from livecore.platform.bus_redis import RedisBus
from livecore.platform.database import SQLITE_NAME, SqlDatabase, database_url
from livecore.platform.idempotency import IdempotencyUses
from livecore.platform.jobs import SqlJobs
from livecore.platform.keys import KEYS_NAME, SqlKeys
from livecore.platform.limits import RateLimiter
from livecore.platform.mail import make_mailer
from livecore.platform.metrics import Metrics
from livecore.platform.migrations import migrate
from livecore.platform.private_dir import make_private
from livecore.platform.quota import StoredQuota
from livecore.platform.readiness import check_all
from livecore.platform.sms import make_sms_sender
from livecore.platform.storage import OBJECTS_NAME, ObjectStorage, make_storage
from livecore.ports import Clock, Mailer, SmsSender


@dataclass(frozen=True)
class Platform:
    db: SqlDatabase
    keys: SqlKeys
    bus: MemoryBus | RedisBus
    storage: ObjectStorage
    jobs: SqlJobs
    idempotency: IdempotencyUses
    limiter: RateLimiter
    quota: StoredQuota
    mailer: Mailer
    sms: SmsSender

    async def ready(self) -> dict[str, bool]:
        """Each part and whether it answers."""
        return await check_all({"database": self.db.check, "keys": self.keys.check, "bus": self.bus.check, "storage": self.storage.check})


def prepare_data_dir(settings: Settings) -> None:
    """Make the data directory, and close it for others, also where it was made open (see `private_dir`)."""
    files = [name for url, name in ((settings.database_url, SQLITE_NAME), (settings.keys_url, KEYS_NAME)) if not url]
    make_private(settings.data_dir, shared=OBJECTS_NAME if settings.send_files == "x-accel" else None, files=files)


async def start_platform(settings: Settings, clock: Clock, metrics: Metrics, schema: MetaData, stack: AsyncExitStack) -> Platform:
    """Connect, and bring the schema up to date; what has an end is pushed on the stack. Jobs do not run yet."""
    prepare_data_dir(settings)
    db = SqlDatabase(database_url(settings.database_url, settings.data_dir))
    stack.push_async_callback(db.close)
    await migrate(db, schema)
    keys = SqlKeys(database_url(settings.keys_url, settings.data_dir, KEYS_NAME))
    stack.push_async_callback(keys.close)
    await keys.start()
    bus = await make_bus(settings.redis_url, metrics, settings.bus_channels)
    stack.push_async_callback(bus.close)
    quota = StoredQuota(db, keys, clock, settings.rate_scale)
    limiter = RateLimiter(settings, keys, metrics, quota)
    stack.push_async_callback(limiter.close)
    jobs = SqlJobs(db, clock, metrics, round(settings.job_lease_s * 1000))
    return Platform(
        db=db,
        keys=keys,
        bus=bus,
        storage=make_storage(settings.storage_url, settings.data_dir),
        jobs=jobs,
        idempotency=IdempotencyUses(db, clock, jobs),
        limiter=limiter,
        quota=quota,
        mailer=make_mailer(settings),
        sms=make_sms_sender(settings),
    )
