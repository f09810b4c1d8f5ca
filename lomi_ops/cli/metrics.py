"""`lomi metrics`: the cluster in numbers, for Prometheus, for OpenMetrics, and as a page for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from lomi_ops.domain.measure import Measured
    from lomi_ops.ops.measuring.look import Measuring
    from lomi_ops.runtime import Runtime

WAIT_S = 2.0
"""For the answers of a look; the first one before anybody is served."""

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The cluster in numbers, for Prometheus and for a phone."
)


class MetricsFormat(StrEnum):
    """What `-o` takes."""

    PROMETHEUS = "prometheus"
    OPENMETRICS = "openmetrics"
    JSON = "json"


@app.command("print")
@options.with_common
def print_(
    common: options.Common,
    file: Annotated[
        Path | None,
        typer.Option("--output-file", help="Write there, in one step, and print nothing.", metavar="FILE"),
    ] = None,
    format_: Annotated[
        MetricsFormat, typer.Option("--output", "-o", help="prometheus, openmetrics or json.")
    ] = MetricsFormat.PROMETHEUS,
) -> int:
    """Print every metric once, for a textfile collector.

    Exit 3 when a source did not answer; what the others say is printed all the same.
    """
    from lomi_ops.ops.measuring.look import PATIENCE_S

    if file is not None and format_ is MetricsFormat.JSON:
        raise UsageError("a file is for a collector, which reads no JSON", hint="lomi metrics print -o json")
    with session.opened(common, *session.ALL) as runtime, measuring(runtime) as looking:
        now = looking.tick(PATIENCE_S)
    _write(now, format_, file)
    for source, why in now.silent.items():
        diagnostics.warn(f"{source} is silent: {diagnostics.scrubbed(why)}")
    return int(ExitCode.UNKNOWN if now.silent else ExitCode.OK)


@app.command("serve")
@options.with_common
def serve(
    common: options.Common,
    listen: Annotated[
        str | None, typer.Option("--listen", help="Else metrics.listen: 127.0.0.1:9464.", metavar="HOST:PORT")
    ] = None,
) -> int:
    """Serve metrics and a status page over HTTP.

    Runs until it is stopped. /metrics is for Prometheus, / for people, /healthz says whether the exporter runs. There
    is no password and no TLS: it listens on loopback unless told otherwise.
    """
    import threading

    from lomi_ops.cli.autoscale_text import ended_by_signals
    from lomi_ops.cli.metrics_http import Exporter, address, is_loopback
    from lomi_ops.config.alerts import rules

    overrides: dict[str, object] = {} if listen is None else {"metrics.listen": listen}
    with session.opened(common, *session.ALL, overrides=overrides) as runtime, measuring(runtime) as looking:
        section = runtime.settings.metrics
        place = address(section.listen)
        exporter = Exporter(place, looking.latest, rules(runtime.settings))
        with ended_by_signals() as stop, closing(exporter):
            looking.tick(WAIT_S)  # whoever comes before an answer would hear that every service is down
            threading.Thread(target=exporter.serve, name="metrics", daemon=True).start()
            diagnostics.note(f"metrics at {exporter.url}metrics, a status page at {exporter.url}")
            if not is_loopback(place):
                diagnostics.warn("whoever reaches this address can read the numbers: there is no password")
            while not stop.is_set():
                stop.wait(section.every_s)
                looking.tick(min(section.every_s, WAIT_S))
    diagnostics.note("metrics stopped")
    return int(ExitCode.OK)


@app.command("dashboard")
@options.with_common
def dashboard(
    common: options.Common,
    file: Annotated[
        Path | None,
        typer.Option("--output-file", help="Write there, in one step, and print nothing.", metavar="FILE"),
    ] = None,
) -> int:
    """Print a dashboard that Grafana imports.

    The limits of your alert rules are drawn in.
    """
    from lomi_ops.config.alerts import rules
    from lomi_ops.ops.measuring.dashboard import rendered

    body = rendered(rules(session.settings(common).settings))
    if file is None:
        output.verbatim(body)
    else:
        output.to_file(file, body)
    return int(ExitCode.OK)


@contextmanager
def measuring(runtime: Runtime) -> Iterator[Measuring]:
    """What looks at the cluster, by connections that do not wait for long."""
    from dataclasses import replace

    from lomi_ops.clients.objects import open_store
    from lomi_ops.ops.checks.impatient import impatient
    from lomi_ops.ops.measuring.look import Handles, Measuring, readers
    from lomi_ops.runtime import Runtime

    settings = impatient(runtime.settings)
    with (
        closing(Runtime(replace(runtime.loaded, settings=settings))) as quick,
        closing(open_store(settings.objects, retries=0)) as objects,
    ):
        handles = Handles(settings, quick.redis, quick.database, objects, quick.faces)
        yield Measuring(readers(handles), expected=settings.checks.workers)


def _write(now: Measured, format_: MetricsFormat, file: Path | None) -> None:
    from lomi_ops.cli import metrics_text

    if format_ is MetricsFormat.JSON:
        output.document(metrics_text.record(now), schema="lomi.metrics/v1")
        return
    accept = metrics_text.OPENMETRICS if format_ is MetricsFormat.OPENMETRICS else ""
    body = metrics_text.exposition(now, accept)[0].decode()
    if file is None:
        output.verbatim(body)
    else:
        output.to_file(file, body)
