"""What of nbgrader's pages is the lab's own in JupyterLab: extensions of course servers."""
