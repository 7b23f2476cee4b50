"""Alembic migrations of the lab's database, run by `cohort.database.ensure_schema`.

One file each in ``versions``, named ``<number>_<topic>.py``; the revision is the number, and
``down_revision`` the number before it. Migrations only go forward: the way back is a backup.
"""
