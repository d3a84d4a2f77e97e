"""words of the search index

Revises: c1d95e07b3f2
Made: 2026-11-26
"""

from alembic import op

from livecore.platform.migrations import full_text

revision = "e47a90c3d615"
down_revision = "c1d95e07b3f2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(full_text.SQLITE_TERMS)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_fts_terms")
