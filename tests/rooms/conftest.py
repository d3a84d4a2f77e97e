import pytest

from tests.conftest import StartServer
from tests.serving import Server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    """The `database_url` of an empty database of each kind. Asked for before the server, so that it outlives it."""
    return str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""


@pytest.fixture
async def either_server(database: str, start_server: StartServer) -> Server:
    """One server on each kind of database."""
    return await start_server(database_url=database)
