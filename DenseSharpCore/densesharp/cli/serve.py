"""`densesharp serve`: share one model, and one GPU, between several readers."""

import argparse
import os
import sys

from densesharp.cli.predict import add_device_arguments
from densesharp.errors import DeviceError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--host",
        choices=("127.0.0.1", "0.0.0.0", "::"),
        default="127.0.0.1",
        help="who may ask: this computer (default), or every computer (needs an API key in the "
        "environment variable DENSESHARP_SERVER_KEY)",
    )
    parser.add_argument("--port", type=int, default=8321, help="default 8321")
    add_device_arguments(parser)
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes per device")
    parser.add_argument(
        "--rate",
        type=float,
        default=50.0,
        metavar="N",
        help="requests per second that one computer may send (default 50)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until stopped."""
    from densesharp.cli.terminal import check_port
    from densesharp.resources import model_path
    from densesharp.serve.client import usable_key
    from densesharp.serve.messages import KEY_VARIABLE
    from densesharp.serve.server import check_key, check_scratch, serve

    if not 1024 <= args.port <= 65535 or args.workers < 1 or args.rate <= 0:
        raise DeviceError("Give a --port from 1024 to 65535, and --workers and --rate above 0.")
    key = usable_key(os.environ.get(KEY_VARIABLE)) or None
    check_key(args.host, key)
    check_port(args.host, args.port)
    check_scratch()
    sys.stderr.write("Starting the server, which takes some seconds. Stop it with Ctrl + C.\n")
    host = f"[{args.host}]" if ":" in args.host else args.host

    def ready() -> None:
        sys.stderr.write(f"DenseSharp server on http://{host}:{args.port}\n")
        sys.stderr.flush()

    model = args.model or model_path()
    serve(model, args.host, args.port, args.device, args.workers, key, args.rate, ready)
    return 0
