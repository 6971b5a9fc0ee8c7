"""`slicer.packaging` of Slicer 5.12: the two calls that the panel makes.

Checking is real; installing is not done here (tests replace `pip_install` by what they need).
"""

from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement


def pip_check(requirements: Any) -> bool:
    """Whether every requirement that applies here is installed in a fitting version."""
    wanted = requirements if isinstance(requirements, list) else [requirements]
    return all(_satisfied(Requirement(str(requirement))) for requirement in wanted)


def pip_install(
    requirements: str | list[str],
    constraints: str | Path | None = None,
    no_deps_requirements: str | list[str] | None = None,
    skip_packages: list[str] | None = None,
    blocking: bool = True,
    show_progress: bool = True,
    requester: str | None = None,
    parent: Any = None,
    logCallback: Any = None,
    completedCallback: Any = None,
) -> None:
    """Refuse: the environment of the tests is not to be changed."""
    raise RuntimeError(f"the stand-in does not install {requirements}")


def _satisfied(requirement: Requirement) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        return metadata.version(requirement.name) in requirement.specifier
    except metadata.PackageNotFoundError:
        return False
