"""From templates to files. What a template names and nobody gave is an error, never an empty place."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lomi_ops import templating
from lomi_ops.domain import quoting
from lomi_ops.domain.deployment import Rendered, Target, Timer, Values
from lomi_ops.errors import UsageError

_END = ".j2"
FILES: dict[Target, tuple[str, ...]] = {
    Target.COMPOSE: ("docker-compose.prod.yml",),
    Target.SWARM: ("stack.yml",),
    Target.KUBERNETES: (
        "kustomization.yaml", "namespace.yaml", "config.yaml", "redis.yaml", "worker.yaml", "keda.yaml", "timers.yaml",
        "alerts.yaml", "metrics.yaml", "ops.Dockerfile",
    ),
    Target.SYSTEMD: (
        "lomi-worker@.service",
        "lomi-workers.target",
        "lomi-autoscale.service",
        "lomi-alerts.service",
        "lomi-metrics.service",
        "lomi-failed@.service",
    ),
    Target.CRON: ("lomi",),
}  # fmt: skip
FILTERS: dict[str, Callable[..., str]] = {
    "q": quoting.yaml,
    "compose": quoting.compose,
    "variable": quoting.variable,
    "shell": quoting.shell,
    "cron": quoting.cron,
    "specifier": quoting.specifier,
    "argument": quoting.argument,
    "executable": quoting.executable,
}
"""Each place in a file says who will read it."""


def render(target: Target, values: Values) -> tuple[Rendered, ...]:
    """The files of a target. Raises UsageError for a value of the settings that no file can hold."""
    try:
        return tuple(_files(target, values))
    except ValueError as problem:
        raise UsageError(f"this cannot be rendered: {problem}", hint="lomi config show --origin") from None


def as_one(target: Target, files: tuple[Rendered, ...]) -> str:
    """All files in one text: YAML as one stream of documents, others under their names."""
    if len(files) == 1:
        return files[0].text
    if target is Target.KUBERNETES:
        # What `kubectl apply -f -` takes: the order is theirs, and the rest is no manifest.
        kept = [each for each in files if each.name.endswith(".yaml") and each.name != "kustomization.yaml"]
        return "---\n".join(each.text for each in kept)
    return "\n".join(f"# ---- {each.name}\n{each.text}" for each in files)


def _files(target: Target, values: Values) -> Iterator[Rendered]:
    templates = templating.for_text("deploy", **FILTERS)

    def file(template: str, name: str, **more: Timer) -> Rendered:
        text = templates.get_template(f"{target}/{template}{_END}").render(_names(values), **more)
        return Rendered(name, text.rstrip("\n") + "\n")

    for name in FILES[target]:
        yield file(name, name)
    if target is Target.SYSTEMD:
        for timer in values.timers:
            for ending in ("service", "timer"):
                yield file(f"timer.{ending}", f"lomi-{timer.name}.{ending}", timer=timer)


def _names(values: Values) -> dict[str, object]:
    return {name: getattr(values, name) for name in (*values.__dataclass_fields__, "stop_s")}
