"""nbgrader's side of teaching: plug-ins that put the lab's service where its shared folder was."""
