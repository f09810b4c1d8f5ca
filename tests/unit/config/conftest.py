"""A machine of one's own for each test: a home, a working folder, an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lomi_ops.config import paths
from lomi_ops.config.load import Loaded, LoadOptions, load
from lomi_ops.errors import ConfigError

ALL = frozenset({"redis", "database", "objects"})


@dataclass
class Machine:
    home: Path
    cwd: Path
    system: Path
    data: Path
    """The default folder of a local stack, as root and as anybody else."""
    environ: dict[str, str] = field(default_factory=dict)

    def file(self, name: str, text: str | bytes) -> Path:
        path = self.cwd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def load(
        self,
        yaml: str | bytes | None = None,
        env: str | bytes | None = None,
        *,
        needs: frozenset[str] = frozenset(),
        data: Path | None = None,
        profile: str | None = None,
        flags: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        **variables: str,
    ) -> Loaded:
        """Loads with `yaml` as --config, `env` as --env-file, and more variables."""
        return load(
            LoadOptions(
                config=None if yaml is None else self.file("c.yaml", yaml),
                env_file=None if env is None else self.file("prod.env", env),
                data=data,
                profile=profile,
                overrides=flags or {},
                environ={"HOME": str(self.home), **self.environ, **(environ or {}), **variables},
                cwd=self.cwd,
                needs=needs,
            )
        )

    def mistakes(self, *args: str | bytes | None, **more: object) -> tuple[str, ...]:
        """The problems of a load that must fail, with this machine's folder cut off."""
        with pytest.raises(ConfigError) as caught:
            self.load(*args, **more)  # type: ignore[arg-type]
        return tuple(problem.replace(f"{self.cwd}/", "") for problem in caught.value.problems)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(tmp_path / "home", tmp_path / "work", tmp_path / "etc" / "config.yaml", tmp_path / "var" / "lomi")
    found.environ["XDG_DATA_HOME"] = str(found.data.parent)
    for folder in (found.home, found.cwd, found.system.parent):
        folder.mkdir()
    monkeypatch.setattr(paths, "SYSTEM_CONFIG", found.system)
    monkeypatch.setattr(paths, "SYSTEM_DATA", found.data)
    return found
