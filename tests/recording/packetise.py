"""The sender's side of each payload format, as the benches have it."""

from bench.packetise import *  # noqa: F403
