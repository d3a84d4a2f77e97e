"""search follows only what it holds

Revises: 962deb76303b
Made: 2026-11-26
"""

from alembic import op

from livecore.platform.migrations import full_text

revision = "3b1f0d52c7ae"
down_revision = "962deb76303b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """SQLite's triggers name their columns already."""
    if op.get_bind().dialect.name == "postgresql":
        for statement in full_text.postgresql_triggers_anew():
            op.execute(statement)


def downgrade() -> None:
    """Triggers that fire less often are right for what was before, too."""
