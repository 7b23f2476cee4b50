"""The operator's side: brings a lab up on this machine, and takes it down again."""
