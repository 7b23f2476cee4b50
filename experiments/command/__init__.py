"""The command ``experiments``, as it is in every workspace.

Invariant: what it prints on standard output is the answer and, with ``--json``, JSON and nothing
else; its exit code tells the outcome (`experiments.command.exits`).
"""
