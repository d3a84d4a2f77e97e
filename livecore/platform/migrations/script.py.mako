<%def name="steps(lines)">${"\n".join(line for line in (lines or "pass").splitlines() if not line.lstrip().startswith("# ###")).strip()}</%def>\
"""${message}

Revises: ${down_revision or "nothing"}
Made: ${create_date.date()}
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${steps(upgrades)}


def downgrade() -> None:
    ${steps(downgrades)}
