"""`lomi config show|schema|example`: what the settings are, and what they may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from lomi_ops.config.load import Loaded
    from lomi_ops.config.view import Line

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Settings: what holds, and what there is.")


@app.command("show")
@options.with_common
def config_show(
    common: options.Common,
    origin: Annotated[bool, typer.Option("--origin", help="Name the source of each value.")] = False,
    changed: Annotated[bool, typer.Option("--changed", help="Only what differs from the defaults.")] = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Show every setting as it holds now.

    Merged from all sources. Of a secret it is only said whether it is set.
    """
    from lomi_ops.config.view import lines

    _one_document(format_)
    loaded = session.settings(common)
    shown = [line for line in lines(loaded) if line.changed or not changed]
    if format_ is Format.JSON:
        output.document(_document(loaded, shown), schema="lomi.config/v1")
    else:
        _table(shown, origin=origin)
    return int(ExitCode.OK)


@app.command("schema")
def config_schema(format_: options.Output = Format.TEXT) -> int:
    """Print the JSON schema of the configuration file.

    For editors that check while one types.
    """
    import json

    from lomi_ops.config.view import json_schema

    _one_document(format_)
    # The schema itself is the answer in both formats: an editor reads the file as it is.
    output.text(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return int(ExitCode.OK)


@app.command("example")
def config_example(format_: options.Output = Format.TEXT) -> int:
    """Print a configuration file with every setting.

    Each with its default, unit and meaning.
    """
    from lomi_ops.config.example import example

    _one_document(format_)
    if format_ is Format.JSON:
        output.document({"yaml": example()}, schema="lomi.config-example/v1")
    else:
        output.text(example())
    return int(ExitCode.OK)


def _one_document(format_: Format) -> None:
    if format_ is Format.JSONL:
        raise UsageError("this command has no jsonl output", hint="-o json")


def _document(loaded: Loaded, shown: list[Line]) -> dict[str, Any]:
    files = {"config": loaded.config_file, "env_file": loaded.env_file, "stack": loaded.stack}
    return {
        "files": {name: str(path) if path else None for name, path in files.items()},
        "settings": {
            line.key: {"value": line.value, "origin": line.origin, **({"secret": True} if line.secret else {})}
            for line in shown
        },
        "warnings": list(loaded.warnings),
    }


def _table(shown: list[Line], *, origin: bool) -> None:
    if origin:
        output.table(("setting", "value", "from"), [(line.key, line.text, line.origin) for line in shown], prose=(1, 2))
    else:
        output.table(("setting", "value"), [(line.key, line.text) for line in shown])
