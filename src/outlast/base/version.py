"""This version, in a module of its own: the command line prints it without loading anything else."""

__version__ = "0.1.0"
