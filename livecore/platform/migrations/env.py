"""Run by alembic for each command; everything it needs is handed over in the configuration's attributes."""

from alembic import context
from alembic.operations.ops import CreateTableOp, DropTableOp, MigrationScript, OpContainer

from livecore.platform.migrations import is_described


def _forget_info(container: OpContainer) -> None:
    """The data map's declarations belong to the tables of today, not to the steps that led there."""
    for step in container.ops:
        if isinstance(step, OpContainer):
            _forget_info(step)
        elif isinstance(step, CreateTableOp):
            step.info = {}
        elif isinstance(step, DropTableOp):
            step.table_kw = {name: value for name, value in step.table_kw.items() if name != "info"}


def _process(_context: object, _revision: object, directives: list[MigrationScript]) -> None:
    for script in directives:
        for container in (script.upgrade_ops, script.downgrade_ops):
            if container is not None:
                _forget_info(container)


config = context.config
connection = config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=config.attributes["metadata"],
    compare_type=True,
    compare_server_default=True,
    include_name=is_described,
    # SQLite alters a table by copying it.
    render_as_batch=connection.dialect.name == "sqlite",
    process_revision_directives=_process,
)
with context.begin_transaction():
    context.run_migrations()
