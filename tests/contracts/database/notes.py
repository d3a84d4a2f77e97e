"""A table for the tests of a database."""

from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    String,
    Table,
    select,
)

from livecore.platform.database import SqlDatabase

metadata = MetaData()
note = Table("note", metadata, Column("id", Integer, primary_key=True, autoincrement=False), Column("text", String(200), nullable=False))


async def texts(db: SqlDatabase) -> list[str]:
    async with db.read() as conn:
        return list((await conn.execute(select(note.c.text).order_by(note.c.id))).scalars())
