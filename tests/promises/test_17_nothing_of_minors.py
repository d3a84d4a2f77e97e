"""17. Nothing is collected from somebody under 18."""

import pytest
from sqlalchemy import func, select

from livecore.data import metadata
from tests.people import Person
from tests.serving import Server

MINOR = {
    "username": "kiddo.marker",
    "password": "zebra marker password",
    "name": "Kim Markername",
    "email": "kim.marker@example.org",
    "phone": "+4915119998877",
    "birth_date": "2015-04-05",
    "device": {"id": "device-of-a-child", "name": "Markerphone"},
}
TRACES = ["kiddo.marker", "zebra marker", "Markername", "kim.marker", "15119998877", "2015-04-05", "device-of-a-child", "Markerphone"]


async def rows(server: Server) -> dict[str, int]:
    """How many each table has; periodic jobs come by themselves, so what jobs hold is left to the search of the files."""
    tables = [table for table in metadata.sorted_tables if table.name != "job"]
    async with server.app.db.read() as conn:
        return {table.name: int((await conn.execute(select(func.count()).select_from(table))).scalar_one()) for table in tables}


async def test_17_a_refusal_leaves_no_trace(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    # An adult's traces are found by the same search, so the search can fail.
    adult = await server.person("adult.marker", verify=False, device={"id": "device-of-adult", "name": "Adultphone"})
    await server.code(adult.email)
    before = await rows(server)
    answer = await server.call("POST", "/api/v1/accounts", Person(server, "x", 1).sign_up_body(**MINOR))
    assert (answer.status, answer.type) == (422, "underage")
    assert await rows(server) == before

    metrics = await server.call("GET", "/metrics")
    assert b"livecore_" in metrics.body
    out, err = capfd.readouterr()
    kept = {"answer": answer.body, "metrics": metrics.body, "log": (out + err).encode()}
    for path in server.settings.data_dir.rglob("*"):
        if path.is_file():
            kept[path.name] = path.read_bytes()
    assert any(b"adult.marker" in data for data in kept.values())
    for place, data in kept.items():
        for trace in TRACES:
            assert trace.encode() not in data, (place, trace)


@pytest.mark.embedded
async def test_17_the_keys_made_for_a_refusal_are_none(server: Server) -> None:
    path = server.settings.data_dir / "keys.sqlite"
    await server.person("adult", verify=False)
    before = path.read_bytes()
    await server.call("POST", "/api/v1/accounts", Person(server, "x", 1).sign_up_body(**MINOR))
    assert path.read_bytes() == before


async def test_17_name_address_and_number_are_not_remembered(server: Server) -> None:
    await server.call("POST", "/api/v1/accounts", Person(server, "x", 1).sign_up_body(**MINOR))
    of_age = MINOR | {"birth_date": "1980-04-05"}
    assert (await server.call("POST", "/api/v1/accounts", Person(server, "x", 1).sign_up_body(**of_age))).status == 201
