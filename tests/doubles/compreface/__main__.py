"""`python -m tests.doubles.compreface --port 3000`: the double for benchmarks and for a stack on this machine."""

from __future__ import annotations

import argparse
import json
import signal
import sys

from tests.doubles.compreface.personality import PERSONALITIES
from tests.doubles.compreface.script import ADULT, Face
from tests.doubles.compreface.server import CompreFaceDouble

_CROWDS: dict[str, tuple[Face, ...]] = {
    "adult": (ADULT,),
    "teen": (Face(age=17),),
    "two": (Face((0.05, 0.2, 0.45, 0.8)), Face((0.55, 0.2, 0.95, 0.8))),
    "none": (),
}


def main(arguments: list[str] | None = None) -> None:
    """Serves until SIGTERM or SIGINT; the URLs are one line of JSON on stdout as soon as they answer."""
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.compreface", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="port of the core; 0 takes a free one")
    parser.add_argument("--gateway-port", type=int, default=0, help="port of the gateway (8000 in CompreFace)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--workers", type=int, default=2, help="uWSGI processes")
    parser.add_argument("--service-ms", type=float, default=160.0, help="milliseconds of one detection")
    parser.add_argument("--personality", choices=sorted(PERSONALITIES), default="facenet")
    parser.add_argument("--faces", choices=sorted(_CROWDS), default="adult", help="what unknown images show")
    chosen = parser.parse_args(arguments)
    stop = [signal.SIGTERM, signal.SIGINT]
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    with CompreFaceDouble(
        personality=PERSONALITIES[chosen.personality],
        default_faces=_CROWDS[chosen.faces],
        workers=chosen.workers,
        service_s=chosen.service_ms / 1000,
        core_port=chosen.port,
        gateway_port=chosen.gateway_port,
        host=chosen.host,
    ) as double:
        urls = {"core": double.url, "gateway": double.gateway_url, "api": double.api_url}
        sys.stdout.write(json.dumps(urls) + "\n")
        sys.stdout.flush()
        signal.sigwait(stop)


if __name__ == "__main__":
    main()
