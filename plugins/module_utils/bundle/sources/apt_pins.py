# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""How much apt wants a version: pins as apt_preferences(5) has them, and the priorities of suites without any."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Dict, List, Mapping, Sequence

from ..boms.apt import Pin
from .apt_index import Index

DOWNGRADES = 1000  # from here on apt goes back to an older version for it


@dataclass(frozen=True)
class Layer:
    """One index: how apt ranks its suite when nothing is pinned, and what a pin can know it by."""

    index: Index
    priority: int = 500
    facts: Mapping[str, str] = field(default_factory=dict)  # a, n, v, c, o, l, b as in apt_preferences; site


class Pins:
    """The pins of a BOM, put to the suites that are there."""

    def __init__(self, pins: Sequence[Pin], layers: Sequence[Layer]) -> None:
        self._named = [pin for pin in pins if pin.package != "*"]
        self._layers = layers
        general = [pin for pin in pins if pin.package == "*"]
        self._general = [_first(general, layer) or layer.priority for layer in layers]

    def priority(self, name: str, version: str, origins: Sequence[int]) -> int:
        """Of a version that these layers have: the first pin that names the package, else the best of its suites."""
        for pin in self._named:
            if fnmatchcase(name, pin.package) and self._meets(pin, version, origins):
                return pin.priority
        return max(self._general[origin] for origin in origins)

    def _meets(self, pin: Pin, version: str, origins: Sequence[int]) -> bool:
        kind, _space, wanted = pin.pin.partition(" ")
        if kind == "version":
            return fnmatchcase(version, wanted)
        return any(_matches(pin, self._layers[origin]) for origin in origins)


def _first(pins: Sequence[Pin], layer: Layer) -> int:
    return next((pin.priority for pin in pins if _matches(pin, layer)), 0)


def _matches(pin: Pin, layer: Layer) -> bool:
    kind, _space, wanted = pin.pin.partition(" ")
    if kind == "origin":
        return fnmatchcase(layer.facts.get("site", ""), wanted.strip('"'))
    return all(_has(layer.facts, part.strip()) for part in wanted.split(","))


def _has(facts: Mapping[str, str], part: str) -> bool:
    """One condition such as a=stable. Without a letter it is the version of a release, or either of its names."""
    letter, equals, value = part.partition("=")
    if equals:
        return fnmatchcase(facts.get(letter.strip(), ""), value.strip().strip('"'))
    names: List[str] = [facts.get("v", "")] if part[:1].isdigit() else [facts.get("a", ""), facts.get("n", "")]
    return any(fnmatchcase(name, part) for name in names)


def facts_of(fields: Mapping[str, str], *, component: str, architecture: str, site: str) -> Dict[str, str]:
    """What pins can ask of an index: the words of its signed Release, and where it is from."""
    told = {"a": "Suite", "n": "Codename", "v": "Version", "o": "Origin", "l": "Label"}
    found = {letter: fields.get(name, "") for letter, name in told.items()}
    return {**found, "c": component, "b": architecture, "site": site}
