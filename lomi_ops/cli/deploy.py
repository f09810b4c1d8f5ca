"""`lomi deploy`: files for whatever runs the cluster, and putting a new version on it."""

from __future__ import annotations

import typer

from lomi_ops.cli.late import Late, group_of

app = typer.Typer(
    cls=group_of(
        {
            "render": Late("deploy_render:render", "Write the files that a cluster is run from"),
            "plan": Late("deploy_apply:plan", "Show what a deploy would do, step by step"),
            "apply": Late("deploy_apply:apply", "Put a new version on the cluster"),
            "back": Late("deploy_apply:back", "Go back to the images from before the last deploy"),
            "secrets": Late("deploy_render:secrets", "Write each password into a file of its own"),
        }
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Files to run the cluster from, and new versions.",
)


@app.callback()
def _group() -> None:
    """Files to run the cluster from, and new versions."""
