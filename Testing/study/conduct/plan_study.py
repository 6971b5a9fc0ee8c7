"""The planning page in a process of its own: python plan_study.py STUDY [OPTIONS] --no-browser."""

import argparse
import sys

from densesharp.cli.study import new
from densesharp.study.conduct.design_fields import FIELDS
from densesharp_viewer.study_planning import serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    new.configure(parser)
    args = parser.parse_args([each for each in sys.argv[1:] if each != "--no-browser"])
    serve({field.name: getattr(args, field.name) or "" for field in FIELDS}, open_browser=False)
