"""Run by Alembic: works on the connection handed in, inside its transaction."""

from alembic import context

from cloudwindow.records.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
