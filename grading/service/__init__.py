"""The web service of grading: the exchange's API, its pages, and what it does by the clock."""
