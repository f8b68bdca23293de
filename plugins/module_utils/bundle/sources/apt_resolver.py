# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The dependency closure over several indexes at once, for a target that need not be this machine.

The version apt would take, single dependencies before alternatives, so that an alternative which something else needs
anyway is not taken twice. A package whose needs cannot be met is struck out, and the search starts again without it: no
other backtracking. apt stays the judge.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Deque, Dict, Iterable, List, Mapping, NoReturn, Optional, Sequence, Set, Tuple

from ..boms.apt import Pin
from ..boms.policy import pattern_for
from ..errors import BundleError
from .apt_candidates import Candidates, answers
from .apt_index import Package
from .apt_pins import Layer
from .debian import Relation

NEEDS = ("Pre-Depends", "Depends")
_REFUSES = ("Conflicts", "Breaks")
_IMPORTANCE = {"required": 0, "important": 1, "standard": 2, "optional": 3}


class ForbiddenError(BundleError):
    """What must not be carried is needed. The chain leads from a package of the BOM to it."""

    def __init__(self, chain: Sequence[str], pattern: str) -> None:
        needs = f", but {' -> '.join(chain[:-1])} needs it" if chain[:-1] else ", but the BOM names it"
        super().__init__(f"{chain[-1]} must not be carried (policy.must_not_contain: {pattern}){needs}.")
        self.chain = tuple(chain)
        self.pattern = pattern


@dataclass(frozen=True)
class Need:
    """A dependency that has to be met, and the package that has it. One that is only recommended may stay open."""

    alternatives: Tuple[Relation, ...]
    owner: str
    soft: bool = False


class _UnmetError(Exception):
    def __init__(self, need: Need) -> None:
        super().__init__(need)
        self.need = need


class Resolver:
    """Chooses packages until every dependency of every chosen one is met."""

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        architecture: str,
        exclude: Iterable[str] = (),
        forbid: Sequence[str] = (),
        pins: Sequence[Pin] = (),
        installed: Optional[Mapping[str, Package]] = None,
        recommends: bool = False,
    ) -> None:
        self.installed = installed or {}
        self.candidates = Candidates(layers, architecture=architecture, pins=pins, installed=self.installed)
        self.exclude = frozenset(exclude)
        self.forbid = forbid
        self.recommends = recommends
        self.asked: Dict[str, str] = {}  # names of the BOM, by the package that each is
        self._hopeless: Dict[str, Need] = {}  # packages that cannot be installed, and the need that cannot be met
        self._start()

    def _start(self) -> None:
        self.chosen: Dict[str, Package] = {}
        self.why: Dict[str, str] = {}
        self._stands_in: Dict[str, List[str]] = {}
        self._needs: Deque[Need] = deque()
        self._later: Deque[Need] = deque()
        self._soft: Deque[Need] = deque()

    def resolve(self, wanted: Iterable[str]) -> Dict[str, Package]:
        """The wanted packages and all they need, by name. What the target has in a version that will do is left out."""
        self.asked = {self._real(name): name for name in wanted}
        names = list(self.asked)
        while True:
            self._start()
            try:
                return self._attempt(names)
            except _UnmetError as unmet:
                if unmet.need.owner in names:
                    self._refuse(unmet.need)
                self._hopeless[unmet.need.owner] = unmet.need

    def _attempt(self, names: Sequence[str]) -> Dict[str, Package]:
        for name in names:
            self._choose(name, "")
        while self._needs or self._later or self._soft or self._mend():
            if self._needs:
                self._meet_single(self._needs.popleft())
            elif self._later or self._soft:
                self._meet_any((self._later or self._soft).popleft())
        return dict(sorted(self.chosen.items()))

    def _real(self, name: str) -> str:
        """A name of the BOM, or the one package that provides it."""
        pattern = pattern_for(name, self.forbid)
        if pattern:
            raise ForbiddenError([name], pattern)
        if self.candidates.get(name) is not None or name in self.installed:
            return name
        asked = Relation(name)
        providers = sorted(owner for owner in self.candidates.providers(name) if self.candidates.provides(owner, asked))
        pattern = pattern_for(providers[0], self.forbid) if len(providers) == 1 else ""
        if pattern:
            raise ForbiddenError([name, providers[0]], pattern)
        if len(providers) == 1:
            return providers[0]
        hint = f" It is provided by {', '.join(providers)}: name one of them." if providers else ""
        raise BundleError(f"No suite has a package named {name} for {self.candidates.architecture}.{hint}")

    def _choose(self, name: str, owner: str) -> None:
        package = self.candidates.get(name)
        if name in self.chosen or package is None:
            return
        self.chosen[name] = package
        self.why[name] = owner
        for virtual, _version in package.provides():
            self._stands_in.setdefault(virtual, []).append(name)
        self._needs.extend(Need(tuple(group), name) for group in package.relations(*NEEDS))
        if self.recommends:
            self._soft.extend(Need(tuple(group), name, soft=True) for group in package.relations("Recommends"))

    def _meet_single(self, need: Need) -> None:
        """Alternatives, and names that something else may stand for, wait until all that is certain has been chosen."""
        relation = need.alternatives[0]
        alone = len(need.alternatives) == 1 and not self.candidates.providers(relation.name)
        if alone and self._suits(relation) and not self._is_met(relation):
            self._choose(relation.name, need.owner)
        else:
            self._later.append(need)

    def _meet_any(self, need: Need) -> None:
        if any(self._is_met(relation) for relation in need.alternatives):
            return
        name = next(filter(None, map(self._pick, need.alternatives)), "")
        if name:
            self._choose(name, need.owner)
        elif not need.soft:
            raise _UnmetError(need)

    def _mend(self) -> bool:
        """Upgrade what the target has and what was chosen would break, if that mends it. Says whether anything was."""
        before = len(self.chosen)
        for name in set(self.installed) - set(self.chosen):
            breaker = self._breaker(self.installed[name])
            fresh = self.candidates.get(name)
            if breaker and fresh is not None and self._may(name):
                self._choose(name, breaker)
        return len(self.chosen) > before

    def _breaker(self, there: Package) -> str:
        """The chosen package for whose sake an installed one cannot stay as it is."""
        for group in there.relations(*NEEDS):
            held = [name for relation in group for name in self.chosen if self._was_met_by(relation, name)]
            if held and not any(self._is_met(relation) for relation in group):
                return held[0]
        for package in self.chosen.values():
            if any(answers(there, relation) for group in package.relations(*_REFUSES) for relation in group):
                return package.name
        return ""

    def _was_met_by(self, relation: Relation, name: str) -> bool:
        return name in self.installed and answers(self.installed[name], relation)

    def chain(self, name: str) -> List[str]:
        """From a package of the BOM down to this one."""
        links = [name]
        while self.why.get(links[0]):
            links.insert(0, self.why[links[0]])
        return links

    def _refuse(self, need: Need) -> NoReturn:
        """Follow what was struck out down to the need that nothing can meet."""
        chain = [need.owner]
        while True:
            struck = [relation.name for relation in need.alternatives if relation.name in self._hopeless]
            if not struck or struck[0] in chain:
                break
            chain.append(struck[0])
            need = self._hopeless[struck[0]]
        for relation in need.alternatives:
            for name in sorted({relation.name, *self.candidates.providers(relation.name)}):
                pattern = pattern_for(name, self.forbid)
                if pattern and self.candidates.get(name):
                    raise ForbiddenError([*chain, name], pattern)
        wanted = " | ".join(str(relation) for relation in need.alternatives)
        package = self.candidates.get(need.alternatives[0].name)
        reason = f"but the suites have version {package.version}" if package else "which no suite has"
        raise BundleError(f"Cannot meet a dependency: {' -> '.join(chain)} needs {wanted}, {reason}.")

    def _may(self, name: str) -> bool:
        return name not in self.exclude and name not in self._hopeless and not pattern_for(name, self.forbid)

    def _suits(self, relation: Relation) -> bool:
        return self._may(relation.name) and self.candidates.suits(relation)

    def _is_met(self, relation: Relation) -> bool:
        if relation.name in self.exclude:
            return True
        there = self.chosen.get(relation.name) or self.installed.get(relation.name)
        if there is not None and self.candidates.is_native(relation) and relation.allows(there.version):
            return True
        stand = [self.chosen[name] for name in self._stands_in.get(relation.name, ())]
        stand += [
            self.installed[name]
            for name in self.candidates.installed_providers(relation.name)
            if name not in self.chosen
        ]
        return any(answers(package, relation) for package in stand)

    def _pick(self, relation: Relation) -> str:
        """The package of that name, else who provides it: the most important one, then the first in the alphabet."""
        if self._suits(relation):
            return relation.name
        providers = filter(self._may, self.candidates.providers(relation.name))
        fit = [name for name in providers if self.candidates.provides(name, relation)]
        return min(fit, key=self._rank, default="")

    def _rank(self, name: str) -> Tuple[int, str]:
        package = self.candidates.get(name)
        return _IMPORTANCE.get(package.fields.get("Priority", "") if package else "", 4), name

    def excluded(self) -> List[Package]:
        """What counts as being on the target because the BOM says so, as far as a suite knows it."""
        found = [self.candidates.get(name) for name in sorted(self.exclude)]
        return [package for package in found if package is not None]

    def conflicts(self) -> List[str]:
        """Pairs in the closure that cannot be installed on one host. A depot may hold both, so they are only told."""
        found: Set[Tuple[str, str]] = set()
        for package in self.chosen.values():
            for group in package.relations(*_REFUSES):
                names = {group[0].name, *self._stands_in.get(group[0].name, ())} & set(self.chosen) - {package.name}
                for name in names:
                    if answers(self.chosen[name], group[0]):
                        found.add((min(package.name, name), max(package.name, name)))
        return [f"{first} and {second} cannot be installed on the same host." for first, second in sorted(found)]
