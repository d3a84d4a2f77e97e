"""The parts of signaling that others are given, built from settings."""

from livecore.config import Settings
from livecore.ids import new_id
from livecore.signaling.recovery import Recovery
from livecore.signaling.registry import Registry


def make_registry(settings: Settings) -> Registry:
    recovery = Recovery(new_id()[-8:], limit_bytes=settings.recover_bytes, age_s=settings.recover_age_s)
    return Registry(join_window_s=settings.room_join_window_ms / 1000, recovery=recovery)
