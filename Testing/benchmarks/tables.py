"""Tables of the benchmark results, put between markers into the documentation."""

import re

from densesharp.stats.formatting import markdown_table

BATCHES = ("1", "8", "32")
NAMES = {
    "openvino-fp32": "**OpenVINO, fp32** (processor engine)",
    "openvino-bf16": "OpenVINO, bf16",
    "torch-fp32": "torch rearranged, fp32",
    "torch-bf16": "torch rearranged, bf16",
    "torch-plain": "torch, layer by layer (eager)",
    "keras-compiled": "Keras 3 on TensorFlow, compiled",
    "matmul-numpy": "matrix multiply, numpy (17.2 GFLOP)",
    "matmul-torch": "matrix multiply, torch (17.2 GFLOP)",
    "train-fp32": "ours, fp32",
    "train-bf16": "ours, bf16",
    "train-plain": "torch, layer by layer (eager)",
    "keras-train": "Keras 3 on TensorFlow, train_on_batch",
}


def table(head, rows):
    return "\n".join(markdown_table(head, rows))


def where(part):
    found = part["machine"]
    return (
        f"{found['processor']}, {found['cores']} cores, {found['system']}; {found['date']}; "
        f"load of other work before the start {found['load_before']}."
    )


def ratio_table(ratios):
    return table(["ratio", "measured"], ratios.items())


def engines(part):
    texts = []
    for threads, found in part["result"].items():
        clock, word = ("cpu_ms", "processor") if threads == "1" else ("wall_ms", "wall")
        rows = []
        for peer in found["batch"]["1"]:
            cells = [NAMES[peer]]
            for batch in BATCHES:
                time = found["batch"][batch].get(peer)
                cells.append(f"{time[clock]['min']} / {time[clock]['median']}" if time else "")
            change = found["differences"].get(peer)
            cells += (
                [f"{change['probabilities']:.0e}", f"{change['mask']:.0e}"] if change else ["", ""]
            )
            cells.append(found["batch"]["1"][peer]["rss_mb"])
            rows.append(cells)
        head = ["peer", *(f"batch {n}" for n in BATCHES), "Δ probability", "Δ mask", "MB"]
        texts.append(
            f"{threads} thread(s), {word} time, ms per patch, least / median:\n\n"
            + table(head, rows)
            + "\n\n"
            + ratio_table(found["ratios"])
        )
    return "\n\n".join(texts)


def training(part):
    texts = []
    for threads, found in part["result"].items():
        rows = [
            [NAMES[peer], steps["cpu_s"], steps["wall_s"], steps["rss_mb"]]
            for peer, steps in found["steps"].items()
        ]
        head = ["peer", "processor s, each round", "wall s, each round", "MB"]
        texts.append(
            f"{threads} thread(s), one step of {found['batch']} patches:\n\n"
            + table(head, rows)
            + "\n\n"
            + ratio_table(found["ratios"])
        )
    return "\n\n".join(texts)


def clicks(part):
    texts = []
    for threads, found in part["result"].items():
        clock, word = ("cpu_ms", "processor") if threads == "1" else ("wall_ms", "wall")
        rows = []
        for name in ("300 x 1.0 mm", "300 x 2.5 mm", "100 x 1.0 mm", "1000 x 1.0 mm"):
            times = {**found[name]["parts"], "click": found[name]["click"]}
            cells = [
                f"{times[step][clock][0]} / {times[step][clock][1]}" if step in times else ""
                for step in ("crop", "network", "components", "paste", "surface", "click")
            ]
            rows.append([name, *cells, found[name]["click"]["passes"]])
        head = [
            "slices",
            "crop",
            "network",
            "components",
            "paste",
            "surface",
            "whole click",
            "passes",
        ]
        texts.append(
            f"{threads} thread(s), {word} time, ms, least / median:\n\n"
            + table(head, rows)
            + "\n\n"
            + ratio_table(found["ratios"])
        )
    return "\n\n".join(texts)


def start(part):
    rows = [
        [name, found["wall_s"], found["cpu_s"], found["rss_mb"]]
        for name, found in part["result"].items()
        if isinstance(found, dict)
    ]
    size = f"`predict` reads an image of {part['result']['image_mb']} MB.\n\n"
    return size + table(["what", "wall s", "processor s", "peak MB"], rows)


def cohort(part):
    found = part["result"]
    rows = [[f"{n} process(es)", value] for n, value in found["cases_per_s"].items()]
    return table(["one thread each", "cases per second"], [*rows, ["ratio", found["ratio"]]])


def precision(part):
    rows = [(name, value) for name, value in part["result"].items() if name != "rss_mb"]
    return table(["bf16 against fp32", "measured"], rows)


SECTIONS = {
    "engines": engines,
    "training": training,
    "clicks": clicks,
    "start": start,
    "cohort": cohort,
    "precision": precision,
}


def update_page(path, results):
    """Replace what stands between `<!-- bench:PART -->` and `<!-- /bench:PART -->`."""
    text = path.read_text(encoding="utf-8")
    for part, found in results.items():
        body = f"{where(found)}\n\n{SECTIONS[part](found)}"
        pattern = rf"(<!-- bench:{part} -->\n).*?(<!-- /bench:{part} -->)"
        text = re.sub(pattern, lambda m, b=body: f"{m[1]}\n{b}\n\n{m[2]}", text, flags=re.DOTALL)
    path.write_text(text, encoding="utf-8")
