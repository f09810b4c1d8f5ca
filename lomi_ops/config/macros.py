"""The file of macros, as people write it; a name that is shipped takes its place:

- name: blurry
  because: blurry
  note: the photo is blurred
  texts: {am: "ፎቶው ብዥ ነው!", en: "The photo is blurry!"}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lomi_ops.config.problems import Problem, raise_all
from lomi_ops.config.text_file import read_text
from lomi_ops.domain.macro import SHIPPED, Macro
from lomi_ops.domain.verdict import Reason

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Text = Annotated[str, Field(min_length=1, max_length=500)]
_HINT = "each macro has name, note, texts by language, and because: blurry, no_face, group_photo, underage or nsfw"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    because: Literal["blurry", "no_face", "group_photo", "underage", "nsfw"] | None = None
    note: Text
    texts: dict[Language, Text] = {}


_FILE = TypeAdapter(tuple[_Entry, ...])


def read_macros(path: Path | None) -> tuple[Macro, ...]:
    """The shipped ones and those of the file. Raises ConfigError with every mistake."""
    if path is None:
        return SHIPPED
    try:
        written = yaml.safe_load(read_text(path)) or []
        entries = _FILE.validate_python(tuple(written) if isinstance(written, list) else written)
    except yaml.YAMLError:
        raise_all([Problem(str(path), "is no YAML")], message=f"the macros in {path} cannot be used", hint=_HINT)
        raise
    except ValueError as problem:
        raise_all(_problems(path, problem), message=f"the macros in {path} cannot be used", hint=_HINT)
        raise
    own = [
        Macro(entry.name, Reason(entry.because) if entry.because else None, entry.note, entry.texts)
        for entry in entries
    ]
    names = {macro.name for macro in own}
    return (*(macro for macro in SHIPPED if macro.name not in names), *own)


def _problems(path: Path, problem: ValueError) -> list[Problem]:
    if not isinstance(problem, ValidationError):
        return [Problem(str(path), str(problem))]
    return [
        Problem(f"{path}: entry {int(error['loc'][0]) + 1}" if error["loc"] else str(path), error["msg"],
                ".".join(map(str, error["loc"][1:])))
        for error in problem.errors(include_url=False, include_input=False)
    ]  # fmt: skip
