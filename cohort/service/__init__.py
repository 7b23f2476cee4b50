"""What the lab's services (experiments, grading) have in common: who calls, and log-in."""
