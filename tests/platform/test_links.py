"""Signed links: a token is a JWT that others' libraries read, and nothing but our own very bytes is taken for one."""

import base64
import itertools
import json

import jwt
import pytest

from livecore.errors import Forbidden, Gone
from livecore.links import Grant, MediaLinks

SECRET = b"k" * 64


class FixedKeys:
    def blind(self, _purpose: str, _value: str) -> bytes:
        return SECRET


class SetClock:
    now_ms = 1_000_000

    def at_ms(self) -> int:
        return self.now_ms


def links(clock: SetClock | None = None) -> MediaLinks:
    return MediaLinks(FixedKeys(), clock or SetClock(), lifetime_s=60)  # type: ignore[arg-type]


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


CLAIMS = {"sub": "anna", "scp": "/media/x", "xms": 2_000_000, "epo": 3}


def test_a_token_grants_what_was_signed_until_it_expires() -> None:
    clock = SetClock()
    token = links(clock).sign("/media/x", "anna", epoch=3)
    assert links(clock).read(token) == Grant("/media/x", "anna", 1_060_000, 3)
    clock.now_ms = 1_060_000
    with pytest.raises(Gone):
        links(clock).read(token)


def test_a_steady_token_stays_the_same_for_half_of_its_life_and_lives_at_least_as_long_again() -> None:
    clock = SetClock()
    seen: dict[str, list[int]] = {}
    for clock.now_ms in range(1_000_000, 1_200_000, 1000):
        token = links(clock).sign_steadily("/media/x", "anna")
        assert 30_000 <= links(clock).read(token).expires_ms - clock.now_ms <= 60_000
        seen.setdefault(token, []).append(clock.now_ms)
    turns = [times[0] for times in seen.values()][1:]
    assert {after - before for before, after in itertools.pairwise(turns)} == {30_000}
    assert links(clock).read(links(clock).sign_steadily("/media/x", "anna", until_ms=clock.now_ms + 5)).expires_ms == clock.now_ms + 5


def test_an_erased_account_leaves_no_token_in_memory() -> None:
    made = links()
    made.sign_steadily("/media/x", "anna")
    made.sign_steadily("/media/y", "ben")
    made.forget("anna")
    assert "anna" not in repr(vars(made))
    assert "ben" in repr(vars(made))


def test_people_s_addresses_do_not_all_change_in_the_same_moment() -> None:
    assert len({links().steady_end_ms(f"person {number}") for number in range(100)}) > 90


def test_it_is_a_jwt_both_ways() -> None:
    assert jwt.decode(links().sign("/media/x", "anna"), SECRET, algorithms=["HS256"])["scp"] == "/media/x"
    assert links().read(jwt.encode(CLAIMS, SECRET, algorithm="HS256")).epoch == 3


def forged() -> list[str]:
    token = links().sign("/media/x", "anna")
    header, claims, tag = token.split(".")
    unused = tag[:-1] + chr(ord(tag[-1]) + 1)  # the last letter has bits that no byte takes
    return [
        "",
        ".",
        "..",
        "a.b.c",
        "ä.ö.ü",
        token + "=",
        f"{header}.{claims}.",
        f"{header}.{claims}.{unused}",
        f"{header}.{part({**CLAIMS, 'sub': 'ben'})}.{tag}",
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(CLAIMS)}.",
        jwt.encode(CLAIMS, b"o" * 32, algorithm="HS256"),
        jwt.encode(CLAIMS, SECRET, algorithm="HS512"),
        jwt.encode({"sub": "anna"}, SECRET, algorithm="HS256"),
        jwt.encode({**CLAIMS, "xms": None}, SECRET, algorithm="HS256"),
    ]


@pytest.mark.parametrize("token", forged())
def test_anything_else_is_refused(token: str) -> None:
    with pytest.raises(Forbidden):
        links().read(token)


def test_a_token_is_for_its_path_and_what_is_below() -> None:
    token = links().sign("/media/x", "anna")
    assert links().check(token, "/media/x").account_id == "anna"
    assert links().check(token, "/media/x/y").account_id == "anna"
    with pytest.raises(Forbidden):
        links().check(token, "/media/xy")
