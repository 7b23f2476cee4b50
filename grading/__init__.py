"""Teaching: the exchange of assignments, the sandboxed autograder, and nbgrader's side of both."""
