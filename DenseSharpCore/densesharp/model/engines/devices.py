"""Which devices of this machine can run the network, and why the others cannot."""

from __future__ import annotations

import importlib.util
import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DeviceReport:
    """Whether a device can run the network, and why not."""

    device: str
    works: bool
    detail: str


def available_cores() -> int:
    """Count the processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def report_devices() -> list[DeviceReport]:
    """Try every device that could run the network, best first."""
    return [probe(name) for name in (*(gpu_names() or ["cuda"]), "cpu")]


def gpu_names() -> list[str]:
    """Which kinds of GPU this machine may have, judged without the second that torch takes."""
    if importlib.util.find_spec("torch") is None:
        return []
    if platform.system() == "Darwin":
        return ["mps"] if platform.machine() == "arm64" else []
    windows = Path(os.environ.get("SYSTEMROOT", "C:/Windows")) / "System32"
    # NVIDIA's driver, AMD's (torch calls it cuda too), the one inside WSL, and Windows' DLL.
    signs = [*map(Path, ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")), windows / "nvcuda.dll"]
    return ["cuda"] if any(sign.exists() for sign in signs) else []


def probe(device: str) -> DeviceReport:
    """Run a small 3D convolution on a device; some are listed and yet cannot.

    Returns:
        Whether the device works, and why not.
    """
    if device == "cpu":
        return _probe_processor()
    if importlib.util.find_spec("torch") is None:
        detail = "torch is not installed (the package PyTorch)."
        return DeviceReport(device, works=False, detail=detail)
    try:
        import torch

        x = torch.ones(1, 2, 4, 4, 4, device=device)
        kernel = torch.ones(2, 2, 3, 3, 3, device=device)
        centre = torch.nn.functional.conv3d(x, kernel, padding=1)[0, 0, 1, 1, 1].item()
    except (ImportError, OSError, RuntimeError, AssertionError) as error:
        # torch reports a missing or broken device, driver or library in all these ways.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        detail = reason[0].partition(". ")[0].rstrip(".") + "."
        return DeviceReport(device, works=False, detail=detail)
    if abs(centre - 54.0) > 0.5:
        detail = "it computes a 3D convolution wrongly."
        return DeviceReport(device, works=False, detail=detail)
    return DeviceReport(device, works=True, detail="it runs a 3D convolution (torch).")


def _probe_processor() -> DeviceReport:
    found = [name for name in ("openvino", "torch") if importlib.util.find_spec(name)]
    if not found:
        detail = "neither OpenVINO nor PyTorch is installed: install one of them."
        return DeviceReport("cpu", works=False, detail=detail)
    detail = f"{available_cores()} cores, engine {found[0]}."
    return DeviceReport("cpu", works=True, detail=detail)
