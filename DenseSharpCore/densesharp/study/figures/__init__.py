"""The figures of a study's report, drawn from the results alone; every number also as CSV."""
