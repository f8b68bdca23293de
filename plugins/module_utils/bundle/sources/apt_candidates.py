# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Which version of a package apt would install: over all suites, with pins, and with what the target has already."""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

from ..boms.apt import Pin
from .apt_index import Package
from .apt_pins import DOWNGRADES, Layer, Pins
from .debian import Relation, version_key

_IMPORTANCE = {"required": 0, "important": 1, "standard": 2, "optional": 3}


class Candidates:
    """The one version of each package that apt would look at."""

    def __init__(
        self, layers: Sequence[Layer], *, architecture: str, pins: Sequence[Pin], installed: Mapping[str, Package]
    ) -> None:
        self.layers = layers
        self.architecture = architecture
        self.installed = installed
        self._pins = Pins(pins, layers)
        self._found: Dict[str, Optional[Package]] = {}
        self._heard: Dict[str, Tuple[int, int]] = {}
        self._installed_providers: Dict[str, List[str]] = {}
        for name, package in installed.items():
            for virtual, _version in package.provides():
                self._installed_providers.setdefault(virtual, []).append(name)

    def get(self, name: str) -> Optional[Package]:
        """What would be installed from the suites; None where there is nothing, or nothing newer than on the target."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> Optional[Package]:
        """Highest priority, then highest version, then first source."""
        versions = self.versions(name)
        there = self.installed.get(name)
        best: Optional[Package] = None
        rank = (0, version_key(""))
        if there is not None:
            same = [package.origin for package in versions.get(there.version, ())]
            rank = (
                max([100, self._pins.priority(name, there.version, same)] if same else [100]),
                version_key(there.version),
            )
        for version, packages in versions.items():
            priority, key = (
                self._pins.priority(name, version, [package.origin for package in packages]),
                version_key(version),
            )
            older = there is not None and priority < DOWNGRADES and key < version_key(there.version)
            if priority > 0 and not older and (priority, key) > rank:
                best, rank = packages[0], (priority, key)
        return best

    def versions(self, name: str) -> Dict[str, List[Package]]:
        """Every version of this architecture, with the suites that have it."""
        found: Dict[str, List[Package]] = {}
        for origin, layer in enumerate(self.layers):
            for stanza in layer.index.stanzas(name):
                package = Package.read(name, stanza, origin)
                if package.fields.get("Architecture") in (self.architecture, "all"):
                    found.setdefault(package.version, []).append(package)
        return found

    def providers(self, name: str) -> Set[str]:
        """Names of packages of which some version stands for this name."""
        return {owner for layer in self.layers for owner in layer.index.provided.get(name, ())}

    def installed_providers(self, name: str) -> List[str]:
        return self._installed_providers.get(name, [])

    def ranked(self, names: Iterable[str]) -> List[str]:
        """As apt sorts those who provide a name: the most important first, and of equal ones who was heard of last."""
        found = sorted(names, key=lambda name: (self._importance(name), name))
        equal = [name for name in found if self._importance(name) == self._importance(found[0])]
        if len(equal) > 1:
            equal.sort(key=self._first_heard, reverse=True)
        return equal + found[len(equal) :]

    def _importance(self, name: str) -> Tuple[bool, bool, int]:
        package = self.get(name)
        fields = package.fields if package is not None else {}
        rank = _IMPORTANCE.get(fields.get("Priority", ""), len(_IMPORTANCE))
        return fields.get("Essential") != "yes", fields.get("Important") != "yes", rank

    def _first_heard(self, name: str) -> Tuple[int, int]:
        if name not in self._heard:
            found = ((number, layer.index.first_mention(name)) for number, layer in enumerate(self.layers))
            self._heard[name] = next(((number, offset) for number, offset in found if offset >= 0), (0, 0))
        return self._heard[name]

    def suits(self, relation: Relation) -> bool:
        """Whether the candidate of that very name is what a relation asks for."""
        package = self.get(relation.name)
        return package is not None and self.is_native(relation) and relation.allows(package.version)

    def is_native(self, relation: Relation) -> bool:
        return relation.architecture in ("", "any", "native", self.architecture)

    def provides(self, name: str, relation: Relation) -> bool:
        package = self.get(name)
        return package is not None and stands_for(package, relation)


def stands_for(package: Package, relation: Relation) -> bool:
    """Whether a package provides what a relation asks for: with a version only if it provides that version."""
    for name, version in package.provides():
        if name == relation.name and (not relation.operator or (version and relation.allows(version))):
            return True
    return False


def answers(package: Package, relation: Relation) -> bool:
    """Whether a package is what a relation asks for, by its name or by what it provides."""
    return (package.name == relation.name and relation.allows(package.version)) or stands_for(package, relation)
