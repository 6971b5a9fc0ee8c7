"""`densesharp explore`: a data set's nodule in pictures and in 3D, or the curves of a run."""

import argparse
from pathlib import Path

from densesharp.cli.terminal import add_json_argument, finish, progress_bar
from densesharp.errors import TableError
from densesharp.progress import Progress


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", help="a data set, or the --out of densesharp train")
    parser.add_argument("--out", required=True, help="folder for pictures and page")
    add_json_argument(parser)
    parser.add_argument("--name", help="the nodule, by its name in info.csv (default: the first)")
    parser.add_argument(
        "--step-size", type=int, default=1, help="voxels that the mesh averages over (default 1)"
    )


def run(args: argparse.Namespace) -> int:
    """Draw."""
    from densesharp.files import ensure_folder

    if args.step_size < 1:
        raise TableError(f"--step-size {args.step_size}: a number from 1 on is needed.")
    with progress_bar() as progress:
        if (Path(args.folder) / "run.json").exists():
            progress(0.0, "Drawing the curves")
            made = _draw_run(args.folder, ensure_folder(args.out))
        else:
            made = _draw_nodule(args, ensure_folder(args.out), progress)
    lines = "".join(f"  {Path(args.out) / name}\n" for name in made)
    finish(f"Drawn:\n{lines}", {"out": args.out, "files": made}, args.json)
    return 0


def _draw_run(folder: str, out: Path) -> list[str]:
    from densesharp.explore.curves import draw_curves, read_curves
    from densesharp.files import atomic_path

    figure = draw_curves(read_curves(folder))
    with atomic_path(out / "curves.png") as path:
        figure.savefig(path, dpi=120)
    return ["curves.png"]


def _draw_nodule(args: argparse.Namespace, out: Path, progress: Progress) -> list[str]:
    from densesharp.explore import voxels
    from densesharp.explore.mesh import mesh, scene, write_page
    from densesharp.files import atomic_path
    from densesharp.train.dataset import read_dataset

    samples = {sample.name: sample for sample in read_dataset(args.folder) if sample.is_nodule}
    name = next(iter(samples), "") if args.name is None else args.name
    if name not in samples:
        which = f" '{name}'" if name else ""
        raise TableError(f"'{args.folder}' has no nodule{which}: see its info.csv.")
    voxel, seg = samples[name].voxel, samples[name].seg
    inside = seg.any(axis=(1, 2)).nonzero()[0]
    first, last = max(int(inside[0]) - 2, 0), int(inside[-1]) + 3
    progress(0.1, "Drawing the slices")
    pictures = {
        "slices": voxels.stack(voxel, seg, first=first, last=last),
        "montage": voxels.montage(voxel, seg),
        "histogram": voxels.histogram(voxel, seg),
    }
    for kind, figure in pictures.items():
        with atomic_path(out / f"{name}_{kind}.png") as path:
            figure.savefig(path, dpi=120)
    progress(0.4, "Making the animation")
    voxels.write_gif(voxels.animate(voxel, seg), out / f"{name}_slices.gif")
    progress(0.8, "Making the 3D page")
    trace = mesh(seg, step_size=args.step_size)
    title = f"{name}: {samples[name].class_name}"
    write_page(scene(trace, title=title), out / f"{name}_mesh.html")
    kinds = [*(f"{kind}.png" for kind in pictures), "slices.gif", "mesh.html"]
    return [f"{name}_{kind}" for kind in kinds]
