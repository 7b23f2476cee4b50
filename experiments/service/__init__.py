"""The web service of experiments: its API, its pages, and the loop that runs what was asked for."""
