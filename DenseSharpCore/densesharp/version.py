"""Which version of the program this is; what is written carries it."""

__version__ = "0.1.0"
