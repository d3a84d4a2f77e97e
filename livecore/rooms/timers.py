"""How long what is said in a conversation may lie on the server. Pure.

The message's own timer is the conversation's at its sending, and goes with it so that clients can keep the promise too; the
server goes by what the conversation says now, so a shorter timer takes what was said before along.
"""

# Shorter, and a message is gone before a slow phone has shown it.
TIMER_LEAST_S = 30
# Longer than the longest time that anything is held changes nothing here.
TIMER_MOST_S = 90 * 86_400


def held_ms(ttl_ms: int, timer_s: int | None) -> int:
    """How long after its sending a body may be held."""
    return ttl_ms if timer_s is None else min(ttl_ms, timer_s * 1000)
