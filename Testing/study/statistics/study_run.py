"""Running `densesharp study` in a test, and looking at what it wrote."""

import argparse
import csv

from densesharp.cli import study


def run(*arguments):
    parser = argparse.ArgumentParser()
    study.configure(parser)
    return study.run(parser.parse_args([str(a) for a in arguments]))


def rows_in(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def find_missing(value, path=""):
    """Estimates without value and reason."""
    if isinstance(value, dict):
        if "value" in value and value["value"] is None and not value.get("reason"):
            yield path
        for key, item in value.items():
            yield from find_missing(item, f"{path}/{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from find_missing(item, f"{path}[{i}]")
