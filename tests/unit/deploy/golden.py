"""Writes down anew what is rendered: python -m tests.unit.deploy.golden"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from lomi_ops.config.schema import Settings
from lomi_ops.domain.deployment import Rendered, Target
from lomi_ops.ops.deploy.render import render
from lomi_ops.ops.deploy.values import Named, values

FOLDER = Path(__file__).parents[2] / "fixtures" / "deploy"
SETTINGS = Settings.model_validate({"backup": {"to": "/srv/backups"}, "objects": {"endpoint": "https://r2.test"}})


def files(target: Target) -> tuple[Rendered, ...]:
    """As an operator gets them who says nothing but where the env file is."""
    chosen = values(target, SETTINGS, Named(tag="1.2.3", env_file="/srv/app/.env.production"))
    return render(target, replace(chosen, version="1.2.3"))


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    for target in Target:
        for file in files(target):
            path = FOLDER / target / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text)


if __name__ == "__main__":
    main()
