"""`config.example.yaml` is complete, in step with the schema, and says nothing but the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lomi_ops import resources
from lomi_ops.config import paths
from lomi_ops.config.env import CONTRACT, NO_SETTINGS, OBJECTS, SHORT
from lomi_ops.config.example import example, explained
from lomi_ops.config.keys import leaves
from lomi_ops.config.load import LoadOptions, load
from lomi_ops.config.schema import Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "config.example.yaml"


def test_the_file_is_what_the_schema_says() -> None:
    assert FILE.read_text() == example(), "run: lomi config example > config.example.yaml"


def test_every_setting_is_in_it() -> None:
    def keys(value: object, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
        if not isinstance(value, dict):
            return {above}
        return {key for name, below in value.items() for key in keys(below, (*above, str(name)))}

    assert keys(yaml.safe_load(FILE.read_text())) == {key for key, _ in leaves()}


def test_it_loads_to_exactly_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "default_data", lambda environ: tmp_path)  # not a stack that runs on this machine
    copy = tmp_path / "config.yaml"
    copy.write_text(FILE.read_text())
    loaded = load(LoadOptions(config=copy, environ={}, cwd=tmp_path))

    assert loaded.settings == Settings()
    assert loaded.warnings == ()


def test_every_setting_is_explained() -> None:
    for key, leaf in leaves():
        assert len(explained(key, leaf)) >= 4, key


def test_it_fits_a_terminal() -> None:
    assert max(map(len, FILE.read_text().splitlines())) <= 118


def test_the_docs_name_every_variable_that_is_not_named_after_its_setting() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert [name for name in (*CONTRACT, *SHORT, OBJECTS, *NO_SETTINGS) if f"`{name}" not in text] == []


def test_it_is_found_from_the_package() -> None:
    assert resources.shared("config.example.yaml").read_text() == example()
