"""What `lomi top` looks with, again and again or once: the readers that metrics and alerts have, too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lomi_ops.clients.objects import ObjectStore
    from lomi_ops.config.schema import Settings
    from lomi_ops.ops.live.attention import Attention, Known
    from lomi_ops.ops.live.looking import Looking
    from lomi_ops.ops.measuring.look import Measuring
    from lomi_ops.ops.measuring.record import RecordReader
    from lomi_ops.ops.measuring.transport import TransportReader
    from lomi_ops.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Eyes:
    quick: Runtime
    """Its services are not waited for for long."""
    measuring: Measuring
    transport: TransportReader
    record: RecordReader
    attention: Attention

    def looking(self, known: Callable[[], Known] | None = None) -> Looking:
        """`known`: of alerts already; what was heard last, where it is None."""
        from lomi_ops.config.alerts import rules
        from lomi_ops.ops.live.looking import Looking

        settings = self.quick.settings
        return Looking(
            self.measuring,
            lambda: self.transport.workers,
            rules(settings),
            settings.worker.lease_s,
            known or self.attention.known,
            settings.alerts.gap_s,
        )


def opened(stack: ExitStack, runtime: Runtime) -> Eyes:
    from lomi_ops.ops.checks.impatient import impatient
    from lomi_ops.ops.live.attention import Attention
    from lomi_ops.ops.measuring.look import Handles, Measuring, readers
    from lomi_ops.ops.measuring.record import RecordReader
    from lomi_ops.ops.measuring.transport import TransportReader
    from lomi_ops.runtime import Runtime

    settings = impatient(runtime.settings)
    quick = stack.enter_context(closing(Runtime(replace(runtime.loaded, settings=settings))))
    objects = _store(stack, settings)
    asked = readers(Handles(settings, quick.redis, quick.database, objects, quick.faces))
    return Eyes(
        quick,
        Measuring(asked, expected=settings.checks.workers),
        next(each for each in asked if isinstance(each, TransportReader)),
        next(each for each in asked if isinstance(each, RecordReader)),
        Attention(quick.database),
    )


def _store(stack: ExitStack, settings: Settings) -> ObjectStore | None:
    """None where none is set: whoever looks at a queue need not know where photos are."""
    from lomi_ops.clients.objects import open_store

    section = settings.objects
    if section.directory is None and not (section.endpoint or section.access_key or section.secret_key):
        return None
    return stack.enter_context(closing(open_store(section, retries=0)))
