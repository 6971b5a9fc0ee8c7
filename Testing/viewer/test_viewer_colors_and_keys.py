"""Colors that can be read (WCAG 2.2 AA), and keys that mean one thing everywhere."""

import re
from pathlib import Path

import densesharp_viewer
from densesharp.study.conduct import answer_keys
from densesharp_viewer.labels import KEYS
from densesharp_viewer.study_page import VIEW_KEYS

ASSETS = Path(densesharp_viewer.__file__).with_name("assets")
HEX = "#(?:[0-9a-f]{3}){1,2}"

TEXT, GRAPHIC = 4.5, 3.0
"""WCAG 2.2, 1.4.3 and 1.4.11: contrast of text, and of what is needed to see a control."""


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2) of `#rgb` or `#rrggbb`."""
    digits = color.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def rules() -> tuple[dict[str, str], list[tuple[str, dict[str, str]]]]:
    """Variables, and (selector, declarations) of both style sheets with variables put in."""
    text = "".join((ASSETS / name).read_text() for name in ("page.css", "study.css"))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    variables = dict(re.findall(r"(--ds-[a-z]+): (#[0-9a-f]+)", text))
    found = []
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
        body = re.sub(r"var\((--ds-[a-z]+)\)", lambda use: variables[use.group(1)], body)
        found.append((selector.strip(), dict(re.findall(r"([a-z-]+):\s*([^;]+)", body))))
    return variables, found


def test_the_contrast_of_known_pairs():
    assert contrast("#000", "#ffffff") == 21.0
    assert round(contrast("#777", "#fff"), 2) == 4.48  # the textbook's just too weak grey


def test_text_can_be_read_on_what_lies_behind_it():
    variables, found = rules()
    behind = (variables["--ds-back"], variables["--ds-raised"])
    checked = 0
    for selector, declared in found:
        color = declared.get("color", "")
        if not color.startswith("#") or ":disabled" in selector:  # disabled ones are exempt
            continue
        own = declared.get("background", "")
        for ground in [own] if re.fullmatch(HEX, own) else behind:
            assert contrast(color, ground) >= TEXT, (selector, color, ground)
            checked += 1
    assert checked > 30


def test_text_can_be_read_on_every_colored_ground():
    variables, found = rules()
    for selector, declared in found:
        ground = declared.get("background", "")
        if re.fullmatch(HEX, ground) and "color" not in declared:
            if any(word in selector for word in ("fill", "track", "light", "gap")):
                continue  # graphics without text
            assert contrast(variables["--ds-text"], ground) >= TEXT, selector


def test_edges_bars_and_signs_stand_out():
    variables, found = rules()
    track = dict(found)[".ds-bar-track"]["background"]
    assert contrast(dict(found)[".ds-bar-fill"]["background"], track) >= GRAPHIC
    for name in ("edge", "strong", "good", "warn", "bad"):
        for ground in ("back", "raised"):
            assert contrast(variables[f"--ds-{name}"], variables[f"--ds-{ground}"]) >= GRAPHIC
    for selector in (".ds-reader input", ".ds-fields input"):
        edges = [declared.get("border", "") for name, declared in found if name == selector]
        assert variables["--ds-edge"] in edges[0]


def table(script: str, name: str) -> dict[str, str]:
    """A table of keys in a script: key -> what is written beside it."""
    text = (ASSETS / script).read_text()
    body = re.search(rf"const {name} = \{{(.*?)\n?\s*\}};", text, re.DOTALL).group(1)
    body = re.sub(r"//.*", "", body)
    pairs = re.findall(
        r"""(?:^|[,{]|\n)\s*"?([a-z0-9]|arrow\w+|delete|escape|home|page\w+|[\[\].,?])"?:\s*"""
        r"""(\[[^\]]*\]|"[^"]*"|[^,\n]+)""",
        body,
    )
    return dict(pairs)


VIEWER = {
    key: words
    for name in ("LAYOUTS", "WINDOWS", "TOOLS", "SWITCHES", "KEYS")
    for key, words in table("page.js", name).items()
}
STUDY = table("study.js", "VIEW") | table("study.js", "SWITCHES")
ANSWERS = {
    *answer_keys.CLASS_KEYS, *answer_keys.INVASIVE_KEYS, *answer_keys.IAC_KEYS,
    *answer_keys.CONFIDENCE_KEYS, answer_keys.PAUSE, answer_keys.TAKE_OUTLINE,
}  # fmt: skip
SAME = {"seed": "click", "move": "look", "jump": "nodule", "outlines": "mark"}
"""What the viewer calls a thing that the study's page has another name for."""


def signs(lines) -> set[str]:
    """Single letters and digits that a list of keys names, without those pressed with Ctrl."""
    alone = (keys for keys, _ in lines if "+" not in keys)
    return {sign.lower() for keys in alone for sign in keys.split() if len(sign) == 1} & {
        *"abcdefghijklmnopqrstuvwxyz0123456789"
    }


def test_an_answer_s_key_means_nothing_else():
    assert len(ANSWERS) == 14
    assert len(VIEWER) > 25
    assert not ANSWERS & VIEWER.keys()
    assert not ANSWERS & STUDY.keys()


def test_a_view_s_key_means_the_same_in_viewer_and_study():
    shared = VIEWER.keys() & STUDY.keys()
    assert {"l", "m", "b", "1", "2", "3", "4", "n", "v", "p", "e", "j"} <= shared
    assert STUDY.keys() <= shared
    for key in shared:
        word = re.search(r"(\w+)\W*(?:, -?1)?\W*$", VIEWER[key].split("(")[-1]).group(1)
        assert SAME.get(word, word) in STUDY[key], (key, VIEWER[key], STUDY[key])


def test_the_lists_of_keys_name_what_works_and_nothing_else():
    letters = {key for key in VIEWER if re.fullmatch("[a-z0-9]", key)}
    assert signs(KEYS) == letters
    assert signs(VIEW_KEYS) == {key for key in STUDY if re.fullmatch("[a-z0-9]", key)}
