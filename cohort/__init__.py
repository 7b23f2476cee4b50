"""What the other rooms stand on: settings, people, the database, the engine, GPUs.

Importing this package imports nothing else: the workspace image installs it without
the libraries that the lab's services need.
"""

__version__ = "0.1.0"
