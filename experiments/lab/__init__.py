"""Experiments inside JupyterLab: what the button on a notebook's toolbar asks the server for."""
