"""The parts of insight, put together."""

from collections.abc import Callable
from typing import Any

from livecore.config import Settings
from livecore.insight.device_facts import DeviceFacts
from livecore.insight.experiments import Experiments
from livecore.insight.telemetry import Telemetry
from livecore.ports import Clock, Database, Directory, Holds, Keys


class Insight:
    def __init__(
        self, db: Database, keys: Keys, clock: Clock, directory: Directory, settings: Settings, scrub: Callable[[Any], Any], holds: Holds
    ) -> None:
        self.telemetry = Telemetry(db, clock, directory, settings, scrub, holds)
        self.device_facts = DeviceFacts(db, keys, clock, directory)
        self.experiments = Experiments(db, clock, directory, settings.experiments)
