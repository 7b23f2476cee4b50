"""Builds, checks and proves the curriculum; `python -m curriculum.build` is its command."""
