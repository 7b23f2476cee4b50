"""The autograder: each submission judged in a container of its own, its verdict checked outside."""
