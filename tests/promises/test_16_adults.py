"""16. 18 and older, by the day."""

from datetime import UTC, date, datetime

import pytest

from tests.clocks import FakeClock
from tests.conftest import StartServer
from tests.people import Person

CASES = [
    # today, born, of age
    (date(2026, 11, 24), date(2008, 11, 24), True),
    (date(2026, 11, 24), date(2008, 11, 25), False),
    (date(2026, 11, 24), date(1990, 1, 1), True),
    (date(2026, 2, 28), date(2008, 2, 29), False),
    (date(2026, 3, 1), date(2008, 2, 29), True),
    (date(2028, 2, 29), date(2010, 2, 28), True),
    (date(2028, 2, 28), date(2010, 3, 1), False),
]


@pytest.mark.parametrize(("today", "born", "of_age"), CASES)
async def test_16_the_eighteenth_birthday_opens_the_door(start_server: StartServer, today: date, born: date, of_age: bool) -> None:
    clock = FakeClock(int(datetime(today.year, today.month, today.day, 0, 0, 1, tzinfo=UTC).timestamp() * 1000))
    server = await start_server(clock=clock)
    for number, name in enumerate(["early", "late"]):
        answer = await server.call("POST", "/api/v1/accounts", Person(server, name, number).sign_up_body(birth_date=born.isoformat()))
        clock.advance(86_397)
        if of_age:
            assert answer.status == 201, answer
        else:
            assert (answer.status, answer.type) == (422, "underage")


async def test_16_a_day_that_cannot_be_is_named(start_server: StartServer) -> None:
    server = await start_server(clock=FakeClock(int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp() * 1000)))
    for born in ("2026-11-25", "1850-01-01", "1990-02-30", "01.02.1990", "", 631152000, "1990-05-17T00:00:00Z", "１９９０-05-17", None):
        answer = await server.call("POST", "/api/v1/accounts", Person(server, "anna", 1).sign_up_body(birth_date=born))
        assert answer.status == 422, answer
        assert [error["field"] for error in answer.json["errors"]] == ["birth_date"]
