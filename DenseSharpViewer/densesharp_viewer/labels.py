"""Words of the page that more than one file needs."""

RESEARCH_ONLY = "Research use only, not for diagnosis."

CLASS_TITLES = {
    "AAH-AIS": "Pre-invasive: atypical hyperplasia or adenocarcinoma in situ",
    "MIA": "Minimally invasive adenocarcinoma",
    "IAC": "Invasive adenocarcinoma",
}

VERDICTS = {
    "ok": {"title": "No reservation", "icon": "mdi-check-circle"},
    "caution": {"title": "Read with caution", "icon": "mdi-alert"},
    "refused": {"title": "No answer", "icon": "mdi-cancel"},
}

LIGHTS = {
    "green": "The answer does not depend on where you clicked.",
    "amber": "The answer changes a little with the click.",
    "red": "The answer depends on the click: do not rely on it.",
}

KEYS = (
    ("Click", "place a seed in a slice view (tool Seed)"),
    ("S", "seed at the mouse pointer"),
    ("Drag a seed", "move it; the nodule is computed again"),
    ("Wheel, ↑ ↓", "scroll through the slices"),
    ("Ctrl + wheel, right drag", "zoom"),
    ("Middle drag", "pan"),
    ("Left drag", "window and level"),
    ("Shift + move", "crosshair; the other views follow"),
    ("1 2 3 4", "axial, coronal, sagittal or 3D alone; again for all four"),
    ("L  M  B", "lung, mediastinum or bone window"),
    ("V", "tool Move: clicks place nothing"),
    ("N", "tool Seed"),
    ("P  E", "paint, erase on the selected nodule"),
    ("[  ]", "smaller, larger brush"),
    ("O", "outlines on or off"),
    ("H", "evidence map on or off"),
    ("X", "crosshair on or off"),
    (".  ,", "next, previous nodule"),
    ("J", "jump to the selected nodule"),
    ("A  R", "accept, reject the selected nodule"),
    ("Delete", "delete the selected nodule"),
    ("Ctrl + Z", "undo the last step"),
    ("Ctrl + S", "save results and scene"),
    ("F", "fit the views"),
    ("Esc", "cancel what is computed"),
    ("?", "this list"),
)
"""Keys and mouse, as the help lists them."""
