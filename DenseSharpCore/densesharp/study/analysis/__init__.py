"""The analysis of a whole study, from arrays to plain results; drawing and writing come later."""
