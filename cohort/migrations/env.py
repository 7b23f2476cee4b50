"""Runs the migrations on the connection, and inside the transaction, of `ensure_schema`."""

from alembic import context

# Alembic believes that SQLite cannot roll DDL back; with an explicit BEGIN it can.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
