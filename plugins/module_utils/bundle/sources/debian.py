# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Debian's formats: control stanzas, versions as dpkg orders them, dependency fields."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Dict, Iterator, List, NamedTuple, Tuple

SIZE = re.compile(r"[0-9]{1,15}")
_PART = re.compile(r"([^0-9]*)([0-9]*)")
_DIGITS = re.compile(r"[0-9]+")
_RELATION = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]*)(?::(?P<arch>[a-z0-9-]+))?"
    r"(?:\s*\(\s*(?P<op><<|<=|=|>=|>>|<|>)\s*(?P<version>[^\s)]+)\s*\))?"
    r"(?:\s*\[[^\]]*\])?(?:\s*<[^>]*>)*"
)
_OLD = {"<": "<=", ">": ">="}  # what a single sign meant before 1996, and still means to dpkg
VersionKey = Tuple[Tuple[int, str], Tuple[object, ...], Tuple[object, ...]]


def parse_stanza(text: str) -> Dict[str, str]:
    """Fields of one stanza; continuation lines are joined by line breaks."""
    fields: Dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line[:1] in (" ", "\t"):
            if name:
                fields[name] += "\n" + line.strip()
        elif ":" in line and not line.startswith("#"):
            name, _colon, value = line.partition(":")
            fields[name] = value.strip()
    return fields


def stanzas(text: str) -> Iterator[Dict[str, str]]:
    for block in re.split(r"\n[ \t]*\n", text):
        fields = parse_stanza(block)
        if fields:
            yield fields


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def _part_key(text: str) -> Tuple[object, ...]:
    """Alternating words and numbers. The 0 that ends a word sorts after a tilde and before everything else."""
    key: List[object] = []
    for word, number in _PART.findall(text):
        key += [(*map(_weight, word), 0), _number(number)]
    return tuple(key)


def _number(digits: str) -> Tuple[int, str]:
    """Sorts as the number does, however long it is."""
    shown = digits.lstrip("0")
    return len(shown), shown


@lru_cache(maxsize=65536)
def version_key(version: str) -> VersionKey:
    """A key that sorts versions as dpkg does."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, "0"
    return _number(epoch if _DIGITS.fullmatch(epoch) else ""), _part_key(upstream), _part_key(revision)


class Relation(NamedTuple):
    """One alternative of a dependency: a name, and perhaps a relation to a version and an architecture."""

    name: str
    operator: str = ""
    version: str = ""
    architecture: str = ""

    def allows(self, version: str) -> bool:
        if not self.operator:
            return True
        have, want = version_key(version), version_key(self.version)
        return {
            "<<": have < want,
            "<=": have <= want,
            "=": have == want,
            ">=": have >= want,
            ">>": have > want,
        }[self.operator]

    def __str__(self) -> str:
        return f"{self.name} ({self.operator} {self.version})" if self.operator else self.name


def parse_relations(field: str) -> List[List[Relation]]:
    """Each item of the list has to be met, by any one of its alternatives."""
    groups = []
    for clause in field.replace("\n", " ").split(","):
        alternatives = [_RELATION.fullmatch(part.strip()) for part in clause.split("|")]
        group = [
            Relation(
                match.group("name"),
                _OLD.get(match.group("op"), match.group("op")) or "",
                match.group("version") or "",
                match.group("arch") or "",
            )
            for match in alternatives
            if match is not None
        ]
        if group:
            groups.append(group)
    return groups
