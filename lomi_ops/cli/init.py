"""`lomi init`: a configuration from what is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import asking, diagnostics, options, output
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.ops.init.look import Seen
    from lomi_ops.ops.init.plan import Finding
    from lomi_ops.ops.init.proposal import Proposal
    from lomi_ops.ops.init.text import Block


def init(
    env: Annotated[
        str | None, typer.Option("--env", help="Name of the profile; else after the env file.", metavar="NAME")
    ] = None,
    env_file: options.EnvFile = None,
    compose: Annotated[Path | None, typer.Option("--compose", help="Compose file.", metavar="FILE")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="File to write.", metavar="FILE")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be written.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a profile that says something else.")] = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Write a configuration from the files that are here.

    Looks at the env file, the Compose file and what answers; runs nothing. Secrets are not copied: the env file is
    recorded. Safe to repeat: another profile of the file stays as it is. Exit 1 when something is still missing, 5 when
    the profile is there and differs.
    """
    import os

    from lomi_ops.ops.init import files
    from lomi_ops.ops.init.look import look
    from lomi_ops.ops.init.proposal import propose
    from lomi_ops.ops.init.text import Block

    environ, cwd = os.environ, Path.cwd()
    found = files.env_file(env_file, environ, cwd)
    name = options.profile_name(files.profile_name(options.chosen_env(env), environ, found))
    path = files.target(config, environ, cwd)
    seen = look(found, files.compose_file(compose, environ, cwd, found), environ)
    diagnostics.keep_secret(seen.redactor)
    block = Block(name, found, seen.plan.settings, seen.plan.reasons)
    proposal = propose(path, block, environ, force=force)
    if format_ is Format.TEXT:
        _show(seen, proposal)
    written = _written(proposal, block, format_, yes=yes, dry_run=dry_run)
    if format_ is not Format.TEXT:
        output.document(_record(seen, proposal, block, written=written), schema="lomi.init/v1", format_=format_)
    elif written is None:
        return int(ExitCode.REFUSED)
    else:
        _next(proposal, block, written=written)
    return int(ExitCode.BAD if proposal.missing else ExitCode.OK)


def _written(proposal: Proposal, block: Block, format_: Format, *, yes: bool, dry_run: bool) -> bool | None:
    """Whether the file was written; None where somebody was asked and said no."""
    from lomi_ops.ops.init import files

    if dry_run or not proposal.changed:
        return False
    if not yes:
        if format_ is not Format.TEXT or not asking.somebody():
            return False
        name = diagnostics.profile(block.name, block.colour)
        if not asking.confirmed(f"profile {name}: write it to {proposal.path}?"):
            diagnostics.note("nothing was written")
            return None
    files.write(proposal.path, proposal.text, proposal.before)
    return True


def _show(seen: Seen, proposal: Proposal) -> None:
    headers = ("what", "where", "from", "answer")
    output.table(headers, [_row(finding) for finding in seen.plan.findings], prose=(2, 3))
    for note in seen.plan.notes:
        output.text(f"! {output.folded(diagnostics.scrubbed(note), 2)}")
    for problem in proposal.missing:
        output.text(f"missing: {output.folded(diagnostics.scrubbed(problem), 9)}")
    if proposal.changed:
        output.text(f"\n{proposal.text}")


def _row(finding: Finding) -> tuple[str, ...]:
    style = {True: "green", False: "red", None: ""}[finding.ok]
    answer = diagnostics.scrubbed(finding.detail)
    origin = finding.origin.removeprefix(f"{Path.cwd()}/")
    return (
        finding.what,
        finding.where or "-",
        origin or "-",
        output.painted(f"answers: {answer}" if finding.ok else answer, style),
    )


def _next(proposal: Proposal, block: Block, *, written: bool) -> None:
    if not proposal.changed:
        output.text(f"{proposal.path} says all of this already")
    elif written:
        output.text(f"written: {proposal.path}")
    else:
        diagnostics.note("nothing was written")
        diagnostics.hint("lomi init --yes")
        return
    output.text("next: lomi check" if proposal.default == block.name else f"next: lomi --env {block.name} check")


def _record(seen: Seen, proposal: Proposal, block: Block, *, written: bool | None) -> dict[str, Any]:
    return {
        "path": proposal.path,
        "written": bool(written),
        "changed": proposal.changed,
        "profile": block.name,
        "env_file": seen.env_file,
        "compose_file": seen.compose.path if seen.compose else None,
        "found": [
            {
                "what": finding.what,
                "where": finding.where or None,
                "origin": finding.origin or None,
                "answers": finding.ok,
                "detail": diagnostics.scrubbed(finding.detail),
            }
            for finding in seen.plan.findings
        ],
        "notes": [diagnostics.scrubbed(note) for note in seen.plan.notes],
        "missing": [diagnostics.scrubbed(problem) for problem in proposal.missing],
        "yaml": proposal.text,
    }
