# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The dependency closure over several indexes at once, for a target that need not be this machine.

It walks as apt does: what is wanted first, then the needs of each package in the order they are written, each followed
down before the next. A package whose needs cannot be met is struck out, and the walk starts again without it: no other
backtracking. apt stays the judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Mapping, NoReturn, Optional, Sequence, Set, Tuple

from ..boms.apt import Pin
from ..boms.policy import pattern_for
from ..errors import BundleError
from .apt_candidates import Candidates, answers
from .apt_index import Package
from .apt_pins import Layer
from .debian import Relation

NEEDS = ("Pre-Depends", "Depends")
_REFUSES = ("Conflicts", "Breaks")


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
        self._refused: Dict[str, List[Relation]] = {}  # what the chosen ones cannot be beside

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
        for name in names:
            self._follow(name)
        while self._mend():
            pass
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
        for relation in (relation for group in package.relations(*_REFUSES) for relation in group):
            self._refused.setdefault(relation.name, []).append(relation)

    def _follow(self, name: str) -> None:
        """Down through the needs of a package, one after the other; a stack of its own, as chains can be long."""
        stack = [self._needs_of(name)]
        while stack:
            need = next(stack[-1], None)
            fresh = self._meet(need) if need is not None else ""
            if need is None:
                stack.pop()
            elif fresh:
                stack.append(self._needs_of(fresh))

    def _needs_of(self, name: str) -> Iterator[Need]:
        package = self.chosen.get(name)
        if package is not None:
            yield from (Need(tuple(group), name) for group in package.relations(*NEEDS))
            for group in package.relations("Recommends") if self.recommends else ():
                yield Need(tuple(group), name, soft=True)

    def _meet(self, need: Need) -> str:
        """Choose what meets a need, unless something does already. Returns the name that is new."""
        if any(self._is_met(relation) for relation in need.alternatives):
            return ""
        ways = [name for relation in need.alternatives for name in self._ways(relation)]
        if len(ways) > 1:
            ways.sort(key=lambda name: (name not in self.installed, self._is_refused(name)))
        if ways:
            self._choose(ways[0], need.owner)
            return ways[0]
        if not need.soft:
            raise _UnmetError(need)
        return ""

    def _is_refused(self, name: str) -> bool:
        """Whether a package and one that is chosen exclude each other. apt then looks for another way."""
        package = self.candidates.get(name)
        return package is not None and self._excludes(package)

    def _excludes(self, package: Package) -> bool:
        names = [package.name, *(virtual for virtual, _version in package.provides())]
        if any(answers(package, relation) for known in names for relation in self._refused.get(known, ())):
            return True
        others = [relation for group in package.relations(*_REFUSES) for relation in group]
        return any(self._stands_beside(package.name, relation) for relation in others)

    def _stands_beside(self, name: str, relation: Relation) -> bool:
        owners = {relation.name, *self._stands_in.get(relation.name, ())} & set(self.chosen) - {name}
        return any(answers(self.chosen[owner], relation) for owner in owners)

    def _mend(self) -> bool:
        """Upgrade what the target has along with what was chosen, where apt would. Says whether anything was."""
        before = len(self.chosen)
        built = {package.source: name for name, package in self.chosen.items()} if self.installed else {}
        for name in sorted(set(self.installed) - set(self.chosen)):
            fresh = self.candidates.get(name)
            if fresh is not None and self._may(name) and not self._excludes(fresh):
                reason = built.get(fresh.source) or self._breaker(self.installed[name])
                if reason:
                    self._choose(name, reason)
                    self._follow(name)
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

    def _ways(self, relation: Relation) -> List[str]:
        """The package of that name, then who provides it, in the order apt would try them."""
        providers = filter(self._may, self.candidates.providers(relation.name) - {relation.name})
        fit = [name for name in providers if self.candidates.provides(name, relation)]
        if self._suits(relation):
            return [relation.name, *sorted(fit)]
        return self.candidates.ranked(fit)

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
