"""What a study hands out, and reading it back for analysis."""
