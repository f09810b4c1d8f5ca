"""`lomi media compare`: models side by side on one photo."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import options, output, review_choice, session
from lomi_ops.cli.output import Format
from lomi_ops.domain.shown import shown
from lomi_ops.errors import ExitCode, NotFound, Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lomi_ops.domain.decision import PhotoDecision
    from lomi_ops.domain.policy import Policy
    from lomi_ops.domain.review_measure import Measure
    from lomi_ops.ops.reviews.dossier import Dossier
    from worker.judging.judge import Judged


@dataclass(frozen=True, slots=True)
class View:
    """What one model says, and what would come of it."""

    model: str
    decision: PhotoDecision
    incomplete: bool
    measures: tuple[Measure, ...]
    ms: float

    @property
    def word(self) -> str:
        """The outcome, as a person calls it."""
        if self.incomplete:
            return "cannot tell"
        return "review" if self.decision.status == "pending" else self.decision.status.value


@options.with_common
def media_compare(
    common: options.Common,
    media_id: Annotated[str, typer.Argument(help="A photo by media id.", metavar="ID")],
    models: Annotated[list[str], typer.Argument(help="NSFW models: names, or manifest files.", metavar="MODEL...")],
    policy: Annotated[str | None, typer.Option(help="Policy by name; else the active one.", metavar="NAME")] = None,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Let models look at one photo, side by side.

    Scores against the thresholds of the policy, and what each verdict would be. Nothing is written into the photo; a
    look at a suspected minor goes on record.
    """
    photo = review_choice.media_id(media_id)
    wanted = list(dict.fromkeys(models))
    if len(wanted) < 2:
        raise UsageError("one model has nothing beside it", hint="lomi models list")
    dossier, data, chosen = _fetched(common, photo, policy, options.actor(actor))
    views = [_view(common, each, dossier, data, chosen) for each in wanted]
    if format_ is Format.TEXT:
        _show(dossier, chosen, views)
    else:
        output.document(_record(dossier, chosen, views), schema="lomi.media.compare/v1", format_=format_)
    return int(ExitCode.OK)


def _fetched(common: options.Common, photo: Any, policy: str | None, actor: str) -> tuple[Dossier, bytes, Policy]:
    from lomi_ops.cli import judging
    from lomi_ops.clients.objects.keys import ObjectMissing
    from lomi_ops.ops.reviews.desk import Desk

    with session.opened(common, "database", "objects") as runtime:
        settings = runtime.settings
        chosen = judging.policy_in_force(runtime, policy)
        desk = Desk(runtime.database, None, actor, settings.review)
        desk.recognise(photo)
        found = desk.photo(photo)
        if found.covered:
            raise Refused(f"photo {photo} lies before you, to be decided without a verdict beside it")
        desk.view(found)
        try:
            data = runtime.objects.get(settings.objects.bucket_photos, found.photo.url, settings.images.max_bytes)
        except ObjectMissing as missing:
            raise NotFound(f"photo {photo} has no object any more: {missing.message}") from missing
    return found, data, chosen


def _view(common: options.Common, model: str, dossier: Dossier, data: bytes, policy: Policy) -> View:
    """With settings of its own: of each model its own processes and files."""
    from lomi_ops.cli import judging
    from lomi_ops.domain.review_measure import measures

    with session.opened(common, overrides={"models.nsfw": (model,)}, tell=lambda _: None) as runtime:
        judged: Judged = judging.judged_once(runtime, policy, dossier.photo.media_id, data)
    decision = judged.decision
    found = measures(decision.scores, decision.evidence, asdict(policy))
    return View(model, decision, judged.incomplete, found, sum(judged.timings_ms.values()))


def _show(dossier: Dossier, policy: Policy, views: Sequence[View]) -> None:
    row = dossier.photo
    stands = f"{row.status} ({row.reason})" if row.reason else str(row.status)
    output.text(f"photo {row.media_id} stands as {shown(stands)}; policy {policy.ref}; nothing was changed\n")
    lines = [
        ("would be", *(each.word for each in views)),
        ("why", *(shown(each.decision.detail) for each in views)),
        *(_measured(at, views) for at in range(len(views[0].measures))),
        ("took", *(f"{each.ms:.0f} ms" for each in views)),
    ]
    output.table(("", *(shown(each.model) for each in views)), lines, prose=tuple(range(1, len(views) + 1)))


def _measured(at: int, views: Sequence[View]) -> tuple[str, ...]:
    """One label; the zone is said where it is not that of approval."""
    said = []
    for each in views:
        found = each.measures[at] if at < len(each.measures) else None
        value = "not known" if found is None or found.observed is None else f"{found.observed:g}"
        zone = found.zone if found and found.zone in ("review", "reject") else ""
        said.append(f"{value} ({zone})" if zone else value)
    return (views[0].measures[at].label, *said)


def _record(dossier: Dossier, policy: Policy, views: Sequence[View]) -> dict[str, Any]:
    row = dossier.photo
    return {
        "media_id": str(row.media_id),
        "status": row.status,
        "reason": row.reason,
        "policy": policy.ref,
        "models": [_view_record(each) for each in views],
    }


def _view_record(each: View) -> dict[str, Any]:
    decision = each.decision
    return {
        "model": each.model,
        "incomplete": each.incomplete,
        "status": decision.status.value,
        "reason": decision.reason,
        "outcome": decision.verdict.outcome.value if decision.verdict else None,
        "grounds": [asdict(ground) for ground in decision.verdict.grounds] if decision.verdict else [],
        "scores": decision.scores,
        "measures": [asdict(measure) | {"zone": measure.zone} for measure in each.measures],
        "evidence": asdict(decision.evidence) if decision.evidence else None,
        "ms": each.ms,
    }
