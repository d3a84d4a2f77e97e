"""The parts of accounts, put together in the order in which they need one another."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from livecore.accounts.activity import ActivityLog
from livecore.accounts.avatars import Avatars
from livecore.accounts.codes import SEND_JOB, Codes
from livecore.accounts.devices import DeviceList
from livecore.accounts.name_index import NameIndex
from livecore.accounts.news import News
from livecore.accounts.passwords import Passwords
from livecore.accounts.phone_index import PhoneNumbers
from livecore.accounts.post import Post
from livecore.accounts.preferences import Preferences
from livecore.accounts.present_password import PresentPassword
from livecore.accounts.principals import Principals
from livecore.accounts.profiles import Profiles
from livecore.accounts.records import Records
from livecore.accounts.recovery import Recovery
from livecore.accounts.registration import Registration
from livecore.accounts.service import Accounts
from livecore.accounts.sessions import LETTER_JOB, TIDY_EVERY_S, TIDY_JOB, Sessions
from livecore.accounts.takedowns import ProfileTakedowns
from livecore.accounts.traits import Traits
from livecore.accounts.two_factor import TwoFactor
from livecore.accounts.verification import Verification
from livecore.config import Settings
from livecore.links import MediaLinks
from livecore.ports import Bus, Clock, Database, Job, Jobs, Keys, Limiter, Mailer, Neighbours, PictureMaker, Relations, SmsSender, Storage


@dataclass(frozen=True)
class Engines:
    """What accounts borrow. `shared`: other processes serve the same platform."""

    db: Database
    keys: Keys
    bus: Bus
    clock: Clock
    storage: Storage
    jobs: Jobs
    limiter: Limiter
    mailer: Mailer
    sms: SmsSender
    links: MediaLinks
    pictures: PictureMaker
    settings: Settings
    relations: Relations
    neighbours: Neighbours
    shared: bool


class AccountParts:
    """Registers the jobs of accounts; `start` begins to listen on the bus and answers what ends that."""

    def __init__(self, of: Engines) -> None:
        self._jobs = of.jobs
        self.activity = ActivityLog(of.db, of.clock)
        self.records = Records(of.db, of.keys)
        self.preferences = Preferences(of.db, of.bus, of.clock, self.activity, shared=of.shared)
        self.avatars = Avatars(of.db, of.storage, of.clock, of.pictures, of.links, self.activity)
        self.names = NameIndex(of.db, of.keys)
        self.traits = Traits(of.db)
        self.profiles = Profiles(of.db, self.records, self.preferences, of.relations, self.avatars, self.names, self.traits)
        self.passwords = Passwords(of.settings)
        self.principals = Principals(of.db, of.bus, of.clock, shared=of.shared)
        self.devices = DeviceList(of.db, of.clock, of.settings, of.neighbours)
        self.principals.on_seen = self.devices.note_seen
        self.codes = Codes(of.keys, of.jobs, of.clock, of.settings)
        present = PresentPassword(self.records, self.passwords, of.limiter)
        self.two_factor = TwoFactor(of.db, of.keys, of.clock, present, of.limiter, self.activity)
        self.sessions = Sessions(
            of.db,
            of.clock,
            of.settings,
            self.records,
            self.passwords,
            self.principals,
            self.devices,
            of.jobs,
            of.limiter,
            self.activity,
            of.neighbours,
            self.two_factor,
            of.keys,
        )
        self.registration = Registration(
            of.db,
            of.keys,
            of.clock,
            self.records,
            self.passwords,
            self.codes,
            self.sessions,
            self.names,
            self.activity,
            of.neighbours,
        )
        self.verification = Verification(
            of.db, of.keys, of.clock, self.records, self.codes, self.principals, of.jobs, of.limiter, self.activity, of.neighbours
        )
        self.recovery = Recovery(
            of.db, self.records, self.passwords, self.codes, self.sessions, of.jobs, of.limiter, present, self.activity
        )
        self.accounts = Accounts(
            of.db,
            of.keys,
            of.clock,
            of.settings,
            self.records,
            present,
            self.principals,
            self.names,
            self.traits,
            self.avatars,
            self.preferences,
            self.sessions,
            self.verification,
            of.jobs,
            self.activity,
            of.neighbours,
        )
        self.news = News(of.db, of.clock, of.jobs, self.records, self.preferences, of.mailer)
        self.news.active_ids = self.accounts.active_ids
        self.phone_numbers = PhoneNumbers(of.db, self.records)
        self.takedowns = ProfileTakedowns(self.records, self.avatars)
        post = Post(of.db, of.keys, of.clock, of.settings, self.records, self.codes, of.mailer, of.sms)
        of.jobs.handle(SEND_JOB, post.send_code)
        of.jobs.handle(LETTER_JOB, post.send_letter)
        of.jobs.handle(TIDY_JOB, self._tidy)

    async def _tidy(self, job: Job) -> None:
        await self.sessions.tidy()
        await self.accounts.drop_unconfirmed()

    async def start(self) -> list[Callable[[], Awaitable[None]]]:
        await self._jobs.every(TIDY_JOB, TIDY_EVERY_S)
        return [await self.principals.start(), await self.preferences.start()]
