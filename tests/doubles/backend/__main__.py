"""`python -m tests.doubles.backend --data DIR`: the double beside a local stack, to try things by hand."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path

from lomi_ops.clients.objects import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.ops.local import stack
from lomi_ops.ops.local.layout import locate
from tests.doubles.backend.app import BUCKET
from tests.doubles.backend.server import BackendDouble
from tests.doubles.backend.tokens import sign_init_data

TELEGRAM_ID = 123456789


def main(arguments: list[str] | None = None) -> None:
    """Serves until SIGTERM or SIGINT; what `lomi` needs to talk to it is one line of JSON on stdout."""
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.backend", description=main.__doc__)
    parser.add_argument("--data", type=Path, help="folder of the local stack; else the default one")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    chosen = parser.parse_args(arguments)
    stop = [signal.SIGTERM, signal.SIGINT]
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    layout = locate(chosen.data)
    at = stack.connection(layout)
    store = DirectoryStore(layout.objects, Buckets(frozenset({BUCKET})))
    with BackendDouble(
        database_url=at.database_url, redis_url=at.redis_url, store=store, port=chosen.port
    ) as double:  # fmt: skip
        user_id = double.app.add_user(TELEGRAM_ID)
        says = {
            "LOMI_BACKEND__URL": double.url,
            "LOMI_BACKEND__TOKEN": double.app.token(user_id, admin=True, life_s=24 * 3600),
            "LOMI_BACKEND__INIT_DATA": sign_init_data(double.app.bot_token, {"id": TELEGRAM_ID}, now=time.time()),
        }
        sys.stdout.write(json.dumps(says) + "\n")
        sys.stdout.flush()
        signal.sigwait(stop)


if __name__ == "__main__":
    main()
