"""What stays of a run: its files, report, provenance, comparisons and verdicts.

Invariant: whatever a container wrote is data. It is copied without following a link, read with
caps on size, and laid out or compared in a process that may do nothing else.
"""
