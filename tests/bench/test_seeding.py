"""Accounts that a bench puts into its own database are let in like any other."""

import asyncio

from bench import seeding
from tests.serving import Server


async def test_seeded_accounts_connect(server: Server) -> None:
    # Not in the loop, in which the server may be in the middle of a transaction of its own.
    there = await asyncio.to_thread(seeding.seed, server.app.settings.data_dir, 2)
    for one in there:
        assert (await server.app.authenticator.authenticate(one.access)).account_id == one.id
