"""The version, in a module of its own so that the command line can print it without loading anything else."""

__version__ = "0.1.0"
