"""Reading the YAML file, guided by the schema.

Only the structure is YAML's: what a plain word means is decided by the setting that it is for. So none of YAML 1.1's
surprises bites: `no` is a word where a text is due and false where a yes or no is, and `012` is twelve.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from lomi_ops.config.keys import Key, Leaf, Node, dotted, nearest, node_at
from lomi_ops.config.layers import Entry, Rank, YamlFile
from lomi_ops.config.problems import Problem
from lomi_ops.config.profiles import NAME, NAMES, PROFILE, PROFILES
from lomi_ops.config.text_file import read_text
from lomi_ops.config.values import typed

_Pair = tuple[yaml.Node, yaml.Node]
_NULL = ("", "~", "null", "Null", "NULL")
_MERGE = "tag:yaml.org,2002:merge"
_CORE_TAG = re.compile(r"tag:yaml\.org,2002:(null|bool|int|float|str|timestamp|merge|value|seq|map)$")
_QUOTED = re.compile(r"'([^']*)'")
_HARMLESS = re.compile(r"<[a-z ]+>|\\?.")
"""What may stay of the words that PyYAML puts into its texts: its own (`'<scalar>'`) and single characters."""
_MAX_NODES = 20_000
"""A file of aliases to aliases grows without end when it is walked."""


def read_yaml(path: Path, environ: Mapping[str, str]) -> YamlFile:
    """The settings of a file, each with its line, and what is wrong with it. Relative paths start at its folder."""
    try:
        text = read_text(path)
    except ValueError as problem:
        return YamlFile(problems=[Problem(str(path), str(problem))])
    return parse_yaml(text, path, environ)


def parse_yaml(text: str, path: Path, environ: Mapping[str, str]) -> YamlFile:
    """The same for the text of a file that need not be there yet."""
    found = YamlFile()
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as problem:
        found.problems.append(_syntax(path, problem))
        return found
    except RecursionError:
        found.problems.append(Problem(str(path), "is nested too deeply"))
        return found
    if root is not None:
        _Walk(path, environ, found).section(root, ())
    return found


def _syntax(path: Path, problem: yaml.YAMLError) -> Problem:
    """A parser's complaint with its place and without the line itself, which may hold a secret."""
    mark = getattr(problem, "problem_mark", None)
    text = getattr(problem, "problem", None) or "holds a character that YAML does not allow"
    what = _QUOTED.sub(lambda word: word[0] if _HARMLESS.fullmatch(word[1]) else "…", text)
    place = f"{path}:{mark.line + 1}" if mark is not None else str(path)
    return Problem(
        place, f"is not valid YAML: {what} (indent with spaces; quote values that start with @ % * & ! or `)"
    )


class _Walk:
    """One pass over the nodes of a file."""

    def __init__(self, path: Path, environ: Mapping[str, str], found: YamlFile) -> None:
        self._path = path
        self._environ = environ
        self._found = found
        self._into = found.entries
        self._profile = ""
        self._nodes = 0

    def section(self, node: yaml.Node, key: Key) -> None:
        """A mapping of the schema's names, or of names that somebody chose."""
        if _is_null(node):
            return
        if not isinstance(node, yaml.MappingNode):
            self._problem(node, "must hold names with values below it", key)
            return
        for name, value in self._pairs(node, key):
            self._setting(name, value, (*key, str(name.value)))

    def _setting(self, word: yaml.Node, value: yaml.Node, key: Key) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            return
        there: Node | None = node_at(key)
        if len(key) == 1 and key[0].startswith("x-"):
            return  # a place for anchors, as in Compose files
        if key in (PROFILE, PROFILES) and self._profile:
            self._problem(word, "does not belong into a profile", key)
        elif key == PROFILES:
            self._profiles(value)
        elif there is None:
            self._unknown(word, value, key)
        elif isinstance(there, Leaf):
            self._leaf(there, word, value, key)
        else:
            self.section(value, key)

    def _profiles(self, node: yaml.Node) -> None:
        """Names, and below each of them settings as at the top of the file."""
        if _is_null(node):
            return
        if not isinstance(node, yaml.MappingNode):
            self._problem(node, "must hold names of profiles with settings below them", PROFILES)
            return
        for name, value in self._pairs(node, PROFILES):
            if not NAME.fullmatch(name.value):
                self._problem(name, NAMES, (*PROFILES, name.value))
                continue
            self._profile, self._into = name.value, self._found.profiles.setdefault(name.value, {})
            self.section(value, ())
            self._profile, self._into = "", self._found.entries

    def _unknown(self, word: yaml.Node, value: yaml.Node, key: Key) -> None:
        name = key[-1]
        if _is_null(value) and value.start_mark.index == word.end_mark.index:
            # `{password: one,two}`: the rest of a value, maybe of a secret, and not to be repeated.
            self._problem(word, "has a name without a value; quote a value that holds a comma", key[:-1])
            return
        if "." in name and node_at((*key[:-1], *name.split("."))) is not None:
            outer, _, inner = name.partition(".")
            self._problem(word, f"is written nested: {inner.replace('.', ': ')} below {outer}:", key)
            return
        self._problem(word, "is no setting", key, nearest(key))

    def _leaf(self, leaf: Leaf, word: yaml.Node, node: yaml.Node, key: Key) -> None:
        if isinstance(node, yaml.MappingNode):
            self._problem(node, "must be a single value" if not leaf.many else "must be a list", key)
            return
        if isinstance(node, yaml.SequenceNode):
            self._list(leaf, word, node, key)
            return
        value = self._scalar(node, key)
        if value is None and not _switches_off(key):
            return
        self._keep(key, typed(value, leaf, self._path.parent, self._environ), word)

    def _list(self, leaf: Leaf, word: yaml.Node, node: yaml.SequenceNode, key: Key) -> None:
        if not leaf.many:
            self._problem(node, "must be a single value, not a list", key)
            return
        items = [self._scalar(item, key) for item in node.value if isinstance(item, yaml.ScalarNode)]
        if len(items) != len(node.value) or None in items:
            self._problem(node, "must be a list of single values, none of them empty", key)
            return
        self._keep(key, items, word)

    def _scalar(self, node: yaml.Node, key: Key) -> str | None:
        if not _CORE_TAG.match(node.tag):
            self._problem(node, "has a tag; quote a value that starts with !", key)
            return None
        return None if _is_null(node) else str(node.value)

    def _keep(self, key: Key, value: object, word: yaml.Node) -> None:
        origin = f"{self._place(word)} profile {self._profile}" if self._profile else self._place(word)
        self._into[key] = Entry(value, origin, Rank.FILE)

    def _pairs(self, node: yaml.MappingNode, key: Key, inside: tuple[int, ...] = ()) -> Iterator[_Pair]:
        """Names and values, those of `<<:` first so that the mapping's own names win. Repeated names are mistakes."""
        seen: set[str] = set()
        merges = [value for name, value in node.value if name.tag == _MERGE]
        for other in merges:
            yield from self._merged(other, key, (*inside, id(node)))
        for name, value in node.value:
            if name.tag == _MERGE:
                continue
            if not isinstance(name, yaml.ScalarNode):
                self._problem(name, "has a name that is no word", key)
            elif name.value in seen:
                self._problem(name, "is there twice; the first one would be lost", (*key, name.value))
            else:
                seen.add(name.value)
                yield name, value

    def _merged(self, node: yaml.Node, key: Key, inside: tuple[int, ...]) -> Iterator[_Pair]:
        # Of several mappings the first wins (YAML's merge key), so it comes last here.
        for other in reversed(node.value) if isinstance(node, yaml.SequenceNode) else [node]:
            self._nodes += 1
            if isinstance(other, yaml.MappingNode) and id(other) not in inside and self._nodes < _MAX_NODES:
                yield from self._pairs(other, key, inside)
            else:
                self._problem(node, "merges something that is no mapping", (*key, "<<"))

    def _problem(self, node: yaml.Node, what: str, key: Key, meant: str = "") -> None:
        above = (*PROFILES, self._profile) if self._profile else ()
        self._found.problems.append(Problem(self._place(node), what, dotted((*above, *key)), meant))

    def _place(self, node: yaml.Node) -> str:
        return f"{self._path}:{node.start_mark.line + 1}"


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value in _NULL


def _switches_off(key: Key) -> bool:
    """Everywhere else an empty value says nothing; a zone's threshold it takes away."""
    return key[0] == "policy" and "nsfw" in key
