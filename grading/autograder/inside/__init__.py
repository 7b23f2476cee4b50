"""What runs in the container of one submission; nothing but Python's own library, quick to start.

Three kinds of processes, whose trust differs. The conductor (`__main__`, `conduct`) holds the
instructor's version and writes the verdict; no student code runs in it. The main line (`child`)
runs the student's cells and the visible tests in order and forks before each group of tests.
Each such fork is given the whole tests only when every student cell has run.

What student code could forge a verdict with, it is refused and told on (`watch`); what it may
have changed is put back before a test (`pristine`); what it hands to a test is looked at
(`values`); each test has a twin that must not pass. Not excluded is code that writes into the
interpreter's memory without asking it, as arrays with made-up strides can. That leaves a hint in
the text (`hints`), and so a submission that somebody looks at.
"""
