"""The data map against the schema: no table and no column that names somebody escapes it."""

import pytest
from sqlalchemy import Column, LargeBinary, MetaData, String, Table

import livecore.app  # noqa: F401  # every table stands in the metadata once the services are imported
from livecore.data import impersonal, metadata, personal
from livecore.privacy.schema import declared_tables, faults
from tests.serving import Server


def test_every_table_is_declared_soundly() -> None:
    assert faults(metadata) == []
    assert len(list(declared_tables(metadata))) > 20


def test_every_key_that_opens_personal_columns_is_the_accounts() -> None:
    for declared in declared_tables(metadata):
        for name in declared.personal.sealed:
            assert isinstance(declared.table.c[name].type, LargeBinary), f"{declared.table.name}.{name}"


GOOD = {"what": "x", "why": ["provide"], "keep_for": "the life of the account", "category": "things"}


@pytest.mark.parametrize(
    "make",
    [
        lambda m: Table("undeclared", m, Column("id", String(32), primary_key=True)),
        lambda m: Table("hides", m, Column("id", String(32), primary_key=True), Column("owner_id", String(32)), info=impersonal("nothing")),
        lambda m: Table("wrong", m, Column("id", String(32), primary_key=True), info=personal(subject="account_id", **GOOD)),
        lambda m: Table(
            "forgets",
            m,
            Column("account_id", String(32), primary_key=True),
            Column("friend_id", String(32)),
            info=personal(subject="account_id", **GOOD),
        ),
        lambda m: Table(
            "plain",
            m,
            Column("account_id", String(32), primary_key=True),
            Column("phone", String(32)),
            info=personal(subject="account_id", sealed=("phone",), **GOOD),
        ),
    ],
    ids=["undeclared", "impersonal with an owner", "no such subject", "a second person not named", "sealed but readable"],
)
def test_the_walk_finds_what_was_planted(make: object) -> None:
    planted = MetaData()
    make(planted)  # type: ignore[operator]  # each is a function of one MetaData
    assert faults(planted) != []


async def test_the_published_map_names_every_personal_table(server: Server) -> None:
    published = (await server.call("GET", "/api/v1/policies/data-map")).body.decode()
    for declared in declared_tables(metadata):
        assert declared.personal.what in published, declared.table.name
    recipients = (await server.call("GET", "/api/v1/policies/processors")).json["items"]
    assert isinstance(recipients, list)


def test_a_declaration_must_say_why_it_keeps_or_hides() -> None:
    with pytest.raises(ValueError, match="keep_reason"):
        personal(subject="a", what="x", why=["legal"], keep_for="ever", category="x", erase="keep")
    with pytest.raises(ValueError, match="export_reason"):
        personal(subject="a", what="x", why=["legal"], keep_for="ever", category=None)
