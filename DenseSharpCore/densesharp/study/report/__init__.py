"""The report of a study: what it says once, and how it is written as HTML and as PDF."""
