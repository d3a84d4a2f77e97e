"""Accounts that a bench puts into its own database are let in like any other."""

from bench import seeding
from tests.serving import Server


async def test_seeded_accounts_connect(server: Server) -> None:
    there = seeding.seed(server.app.settings.data_dir, 2)
    for one in there:
        assert (await server.app.authenticator.authenticate(one.access)).account_id == one.id
