"""`python -m densesharp`."""

import sys

from densesharp.cli import main

sys.exit(main())
