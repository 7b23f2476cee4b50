"""Tests of the curriculum and of what builds it."""
