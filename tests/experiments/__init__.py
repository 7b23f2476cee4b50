"""Tests of experiments/: runs, their queue, their containers and what stays of them."""
