"""Runs one notebook inside a container of its own: ``python -m experiments.runner ORDER``.

What it is told is one file, ``order.json``; what it says are the files of ``result/`` beside it
(`experiments.runner.results`) and its exit code. It runs as the user whose code it runs, so
nothing that it says is trusted further than that code.
"""
