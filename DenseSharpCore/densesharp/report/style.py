"""Colours that pictures, the HTML page and the PDF share."""

INK = "#1f2a37"
QUIET = "#6b7785"
RULE = "#d9dee5"
PAPER = "#ffffff"
SOFT = "#f5f7f9"
AMBER = "#fdf3e0"
VERDICT_COLOURS = {"ok": "#2f855a", "caution": "#b7791f", "refused": "#b23b3b"}
