"""The study page in its own process: python serve_study.py STUDY --reader NAME --no-browser."""

import argparse
import sys

from densesharp.cli.study import read

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    read.configure(parser)
    sys.exit(read.run(parser.parse_args()))
