"""A lite agent's answers, where it sends to, and when it stops."""

import pytest

from bench import stun_client
from livecore.media import stun
from livecore.media.drops import Drop
from livecore.media.ice import ADDRESS_LIMIT, IceLite

HOME, MOBILE, OTHER = ("192.0.2.1", 1000), ("198.51.100.9", 2000), ("203.0.113.5", 3000)


def check(agent: IceLite, *, password: str | None = None, ufrag: str | None = None, nominate: bool = False) -> stun.Message:
    ours = agent.credentials
    return stun.parse(
        stun_client.binding_request(
            bytes(12), f"{ufrag or ours.ufrag}:theirs", password or ours.password, priority=1, tie_breaker=1, nominate=nominate
        )
    )


def test_valid_check_is_answered_and_gives_an_address() -> None:
    agent = IceLite(0.0)
    assert agent.address is None
    result = agent.on_request(check(agent), HOME, 1.0)
    assert result.response
    assert stun.parse(result.response).verifies(agent.credentials.password)
    assert (result.added, result.moved, agent.address) == (HOME, True, HOME)


@pytest.mark.parametrize(
    ("wrong", "reason"), [({"password": "x" * 32}, Drop.STUN_INTEGRITY), ({"ufrag": "nobody"}, Drop.STUN_UNKNOWN_USER)]
)
def test_unverified_check_changes_nothing(wrong: dict[str, str], reason: Drop) -> None:
    agent = IceLite(0.0)
    agent.on_request(check(agent), HOME, 1.0)
    result = agent.on_request(check(agent, nominate=True, **wrong), OTHER, 20.0)
    assert (result.drop, result.response, result.added) == (reason, None, None)
    assert agent.address == HOME
    assert agent.expiry(31.5) == "consent_expired"


def test_only_a_nominating_check_moves_the_peer() -> None:
    agent = IceLite(0.0)
    agent.on_request(check(agent, nominate=True), HOME, 1.0)
    assert not agent.on_request(check(agent), MOBILE, 2.0).moved
    assert agent.address == HOME
    assert agent.on_request(check(agent, nominate=True), MOBILE, 3.0).moved
    assert (agent.address, agent.roamed) == (MOBILE, 1)


def test_restart_keeps_the_old_credentials_until_the_new_ones_are_used() -> None:
    agent = IceLite(0.0)
    old = agent.credentials
    agent.on_request(check(agent, nominate=True), HOME, 1.0)
    new = agent.restart()
    assert set(agent.ufrags) == {old.ufrag, new.ufrag}
    late = check(agent, ufrag=old.ufrag, password=old.password)
    assert agent.on_request(late, HOME, 2.0).response
    assert agent.on_request(check(agent, nominate=True), MOBILE, 3.0).response
    assert agent.address == MOBILE
    assert agent.on_request(late, HOME, 4.0).drop is Drop.STUN_UNKNOWN_USER


def test_addresses_are_bounded_and_the_current_one_stays() -> None:
    agent = IceLite(0.0)
    agent.on_request(check(agent, nominate=True), HOME, 0.0)
    removed = [a for port in range(50) for a in agent.on_request(check(agent), ("192.0.2.2", port), 1.0 + port).removed]
    assert len(agent.addresses) == ADDRESS_LIMIT
    assert HOME in agent.addresses
    assert len(removed) == 51 - ADDRESS_LIMIT


def test_peer_that_never_comes_and_peer_that_goes_silent() -> None:
    agent = IceLite(0.0, consent_s=30.0, connect_s=15.0)
    assert agent.expiry(14.9) is None
    assert agent.expiry(15.0) == "never_connected"
    agent.on_request(check(agent), HOME, 14.0)
    assert agent.deadline() == 44.0
    assert agent.expiry(43.9) is None
    assert agent.expiry(44.0) == "consent_expired"
