"""The supervisor with a worker that only pretends: `supervise.py FOLDER [GRACE_S]`."""

from __future__ import annotations

import sys
from pathlib import Path

from lomi_ops.ops.local import daemon
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.local.supervisor import supervise

WORKER = Path(__file__).with_name("worker_double.py")


def worker_command(layout: Layout) -> tuple[str, ...]:
    return (sys.executable, "-S", "-E", str(WORKER), str(layout.folder))


if __name__ == "__main__":
    stack = Layout(Path(sys.argv[1]))
    daemon.detach(stack.log("supervisor"))
    daemon.log_to_stderr()
    supervise(stack, worker_command=worker_command(stack), grace_s=float(sys.argv[2]) if len(sys.argv) > 2 else 30.0)
