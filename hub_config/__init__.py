"""The lab's JupyterHub: how people log in, what they may start, and the pages they see."""
