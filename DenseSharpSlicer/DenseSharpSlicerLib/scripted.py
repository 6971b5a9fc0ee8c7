"""Analyses a nodule for a script, and waits for the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from densesharp.progress import Progress
from densesharp_scene.backend import LocalBackend
from densesharp_scene.nodule import Nodule
from densesharp_scene.scan import ScanNodules

from . import placing
from .session import SESSIONS


def process(
    backend: LocalBackend, volume_node: Any, ras: Sequence[float], progress: Progress
) -> Nodule:
    """Analyse the nodule at a world point and write it to the scene.

    Raises:
        DenseSharpError: it cannot be analysed, or a reader study is read; no point is left.
    """
    panel = SESSIONS[-1] if SESSIONS else None
    if panel is not None:
        panel.check_usable()
    # An open panel must know the point as taken, or it would analyse it too.
    scan = panel.scan_of(volume_node) if panel is not None else ScanNodules(volume_node)
    with placing.same_list():
        claim = scan.claim(scan.place(ras))
    try:
        volume, seed = scan.volume(), scan.seed_of(claim)
        result = backend.analyse(volume, seed, claim, progress, lambda _first: None)
    except Exception:
        scan.drop(claim)
        raise
    scan.model = backend.model_hash
    nodule = scan.store(result)
    if panel is not None:
        panel.changed()
    return nodule
