"""Reader studies: design, conduct, statistics, figures and report."""
