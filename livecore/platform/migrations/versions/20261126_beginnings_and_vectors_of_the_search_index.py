"""beginnings and vectors of the search index

Revises: 7c2e5b9d4a18
Made: 2026-11-26
"""

from alembic import op

from livecore.platform.migrations import full_text

revision = "2fd81c60b7e5"
down_revision = "7c2e5b9d4a18"
branch_labels = None
depends_on = None


def _run(sqlite: list[str], postgresql: list[str]) -> None:
    for statement in sqlite if op.get_bind().dialect.name == "sqlite" else postgresql:
        op.execute(statement)


def upgrade() -> None:
    """A search reads what is stored: some seconds for a million entries, during which nothing is written."""
    _run(full_text.sqlite_index("1 2 3 4"), full_text.postgresql_stored())


def downgrade() -> None:
    _run(full_text.sqlite_index("3"), full_text.postgresql_computed())
