"""`lomi models`: which models there are, installing them, checking them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.ops.models import Entry

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The models that look at photos.")


@app.command("list")
@options.with_common
def models_list(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """List the models that can be used.

    With source and licence, and which of them are installed.
    """
    from lomi_ops.ops.models import listed

    chosen = _folder(common)
    entries = listed(chosen)
    if format_ is Format.JSON:
        from lomi_ops.config.model_files import model_folders

        folders = [str(folder) for folder in model_folders(chosen)]
        output.document({"folders": folders, "models": [_record(entry) for entry in entries]}, schema="lomi.models/v1")
        return 0
    if format_ is Format.JSONL:
        for entry in entries:
            output.line(_record(entry))
        return 0
    headers: tuple[str, ...] = ("model", "state", "finds", "licence", "source")
    rows: list[tuple[str, ...]] = [
        (entry.name, _state(entry), _finds(entry), _licence(entry), entry.manifest.source) for entry in entries
    ]
    if output.narrow():
        headers, rows = headers[:4], [row[:4] for row in rows]
    output.table(headers, rows)
    return 0


@app.command("add")
@options.with_common
def models_add(
    common: options.Common,
    name: Annotated[str, typer.Argument(help="A model of the catalogue, or your manifest file.", metavar="NAME|FILE")],
    source: Annotated[
        str | None,
        typer.Argument(
            help="The model: a file, an https address, or an installed package. Not needed where a package carries it.",
            metavar="[SOURCE]",
        ),
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="What the file must hash to.", metavar="HEX")] = None,
    folder: Annotated[Path | None, typer.Option("--dir", help="Folder to install into.", metavar="DIR")] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept a licence that asks for more than a notice.")
    ] = False,
    insecure: Annotated[bool, typer.Option("--insecure", help="Allow http; needs --sha256.")] = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Install a model, after a trial.

    Fetches it, checks it, lets it look at one generated photo, then puts it in its place.
    """
    from lomi_ops.cli import judging
    from lomi_ops.config.model_files import install_folder
    from lomi_ops.ops.models import add

    added = add(
        name,
        into=folder or install_folder(_folder(common)),
        trial=judging.verify_model,
        source=source,
        sha256=sha256,
        accept_licence=accept_licence,
        insecure=insecure,
    )
    manifest = added.manifest
    if format_ is not Format.TEXT:
        body = {
            "name": manifest.name,
            "version": manifest.version,
            "path": added.path,
            "sha256": added.sha256,
            "origin": added.origin,
            "licence": manifest.licence,
            "recorded": added.recorded,
        }
        output.document(body, schema="lomi.models.add/v1", format_=format_)
        return 0
    diagnostics.note(f"licence: {manifest.licence}. {manifest.licence_note}".rstrip())
    output.text(f"{manifest.name} {manifest.version} is installed: {added.path}")
    if added.recorded:
        output.text(f"sha256 {added.sha256} is recorded, and checked from now on")
    return 0


@app.command("verify")
@options.with_common
def models_verify(
    common: options.Common,
    names: Annotated[list[str] | None, typer.Argument(help="Models; all installed ones if empty.")] = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Check that installed models are what they were.

    And that they answer. Exit 1 when one is not or does not, or none is installed.
    """
    from lomi_ops.cli import judging
    from lomi_ops.ops.models import verify

    found = verify(names or (), _folder(common), judging.verify_model)
    good = bool(found) and all(model.ok for model in found)
    if format_ is not Format.TEXT:
        records = [{"name": m.name, "path": m.path, "ok": m.ok, "detail": m.detail} for m in found]
        output.document({"ok": good, "models": records}, schema="lomi.models.verify/v1", format_=format_)
    elif found:
        cells = [(m.name, output.painted("ok", "green") if m.ok else output.painted("bad", "red"), m) for m in found]
        output.table(("model", "state", "why"), [(name, state, m.detail) for name, state, m in cells])
    else:
        diagnostics.note("no model is installed")
        diagnostics.note("  try: lomi models list")
    return int(ExitCode.OK if good else ExitCode.BAD)


def _folder(common: options.Common) -> Path | None:
    """The folder of models that the settings choose, or None."""
    return session.settings(common).settings.models.dir


def _state(entry: Entry) -> str:
    if entry.problem:
        return output.painted("unchecked", "red")
    return output.painted("installed", "green") if entry.installed else "-"


def _finds(entry: Entry) -> str:
    labels = sorted({label.value for label in entry.manifest.mapping.values()} - {"neutral"})
    return " ".join(labels)


def _licence(entry: Entry) -> str:
    return entry.manifest.licence if entry.manifest.permissive else f"{entry.manifest.licence} (to accept)"


def _record(entry: Entry) -> dict[str, Any]:
    manifest = entry.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "kind": manifest.kind,
        "about": manifest.about,
        "installed": entry.installed,
        "path": entry.path,
        "sha256": entry.sha256,
        "problem": entry.problem or None,
        "catalogue": entry.bundled,
        "licence": manifest.licence,
        "permissive": manifest.permissive,
        "licence_note": manifest.licence_note,
        "source": manifest.source,
        "finds_faces": manifest.finds_faces,
        "labels": {raw: label.value for raw, label in manifest.mapping.items()},
    }
