"""The parts of signaling that others are given, built from settings."""

from livecore.config import Settings
from livecore.ids import new_id
from livecore.native import FanOut
from livecore.signaling.recovery import Recovery
from livecore.signaling.registry import Registry


def make_registry(settings: Settings) -> Registry:
    recovery = Recovery(new_id()[-8:], limit_bytes=settings.recover_bytes, age_s=settings.recover_age_s)
    fan_out = FanOut(settings.native)
    window_s = settings.room_join_window_ms / 1000
    return Registry(join_window_s=window_s, recovery=recovery, fan_out=fan_out if fan_out.native else None)
