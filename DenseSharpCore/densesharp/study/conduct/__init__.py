"""A study as it is designed, read and recorded."""
