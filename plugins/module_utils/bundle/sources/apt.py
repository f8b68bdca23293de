# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The apt source: signed metadata, the closure over the union of its suites, and the evidence for both."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Dict, List, Tuple
from urllib.parse import quote, urlsplit

from .. import fsutil
from ..boms.apt import AptItem
from ..boms.policy import NO_POLICY, Policy
from ..errors import BundleError
from ..lock import Evidence, Item, Repository, Withheld
from ..workspace import Resolved, Workspace
from . import debian
from .apt_host import Host
from .apt_index import Package
from .apt_installed import read_installed
from .apt_pins import Layer, facts_of
from .apt_proof import Proof
from .apt_resolver import ForbiddenError, Resolver
from .apt_source_packages import SourcePackages
from .apt_suites import Suite, SuiteReader

_ORIGINS = {"debian": "Debian", "ubuntu": "Ubuntu"}


@dataclass
class Opened:
    """The indexes of one item: each layer with its suite, and what proves them."""

    layers: List[Layer] = field(default_factory=list)
    suites: List[Suite] = field(default_factory=list)  # that of each layer
    evidence: Dict[str, Evidence] = field(default_factory=dict)


class AptResolver:
    """One apt item of a BOM."""

    def __init__(self, item: AptItem, workspace: Workspace, host: Host, policy: Policy = NO_POLICY) -> None:
        self.item = item
        self.workspace = workspace
        self.host = host
        self.policy = policy
        self.reader = SuiteReader(item.name, workspace, host.default_keyrings())
        self.warnings: List[str] = []

    def survey(self) -> List[str]:
        """One conditional request per suite: what tells whether anything can have changed."""
        return [f"{suite.url} {suite.sha256}" for suite in self.suites] + self._installed_files()

    def _installed_files(self) -> List[str]:
        return [fsutil.sha256_file(path)[0] for path in self.item.installed if path.startswith("/")]

    @functools.cached_property
    def suites(self) -> List[Suite]:
        """Those of the machine first, then those of the BOM."""
        of_host = self.host.distribution_sources(self.item.release) if self.item.host else []
        wanted = [(source, suite, True) for source in of_host for suite in source.suites]
        wanted += [(source, suite, False) for source in self.item.sources for suite in source.suites]
        with ThreadPoolExecutor(len(wanted)) as pool:
            found = list(pool.map(lambda row: self.reader.open(row[0], row[1], of_host=row[2]), wanted))
        return [suite for suite in found if self._belongs(suite)]

    def _belongs(self, suite: Suite) -> bool:
        """Of this machine's own sources only those of the distribution itself are followed."""
        wanted = _ORIGINS.get(self.host.os_release().get("ID", ""))
        origin = suite.release.fields.get("Origin")
        if not suite.of_host or wanted is None or origin == wanted:
            return True
        self.warnings.append(
            f"apt repository {self.item.name}: {suite.release.where} is of {origin}, not of {wanted}, and was left out. "
            "List it under sources if it is wanted."
        )
        return False

    @functools.cached_property
    def opened(self) -> Opened:
        """The indexes of all suites."""
        opened, architecture = Opened(), self.item.architecture
        for suite in self.suites:
            components = [name for name in suite.source.components or ("",) if self.policy.has_component(name)]
            paths = [path for name in components for path in suite.release.index_paths(name, architecture)]
            suite, indexes = self.reader.indexes(suite, paths)
            for index, proof in indexes:
                facts = facts_of(
                    suite.release.fields,
                    component=proof.facts["path"].partition("/")[0],
                    architecture=architecture,
                    site=urlsplit(suite.source.uri).hostname or "",
                )
                opened.layers.append(Layer(index, suite.release.priority, facts))
                opened.suites.append(suite)
                opened.evidence[proof.sha256] = proof
        return opened

    @functools.cached_property
    def installed(self) -> Dict[str, Package]:
        return read_installed(self.item.installed, self.opened.layers, architecture=self.item.architecture)

    def resolver(self) -> Resolver:
        return Resolver(
            self.opened.layers,
            architecture=self.item.architecture,
            exclude=self.item.exclude,
            forbid=self.policy.must_not_contain,
            pins=self.item.pins,
            installed=self.installed,
            recommends=self.item.recommends,
        )

    def resolve(self) -> Resolved:
        item, opened = self.item, self.opened
        resolver, wanted, withheld = self._choose()
        chosen = list(resolver.chosen.values())
        suites = list({suite.url: suite for suite in opened.suites}.values())
        kept = list(opened.evidence.values()) if item.carry_indexes else []
        kept += [piece for suite in suites for piece in suite.evidence(item.name)]
        text = "".join(f"{package.stanza}\n\n" for package in chosen).encode()
        stanzas = Evidence("stanzas", len(text), self.workspace.keep(text), "", item.name)
        repository = Repository(item.name, item.release, item.architecture, tuple(sorted(wanted)), stanzas.sha256)
        proof = Proof(item, list(resolver.asked), text, resolver.excluded(), list(self.installed.values()))
        status = proof.status().encode()  # a depot proves the closure on the same terms
        if status:
            kept.append(Evidence("status", len(status), self.workspace.keep(status), "", item.name))
        found = Resolved(
            items=[self._item(package, resolver) for package in chosen],
            evidence=[*kept, stanzas],
            repositories=[repository],
            warnings=[*self.warnings, *resolver.conflicts()],
            withheld=withheld,
            proofs=[proof],
        )
        if item.source_packages:
            sources = SourcePackages(item, self.reader, self.policy)
            sources.add(found, suites, [(package, opened.suites[package.origin]) for package in chosen])
        return found

    def _choose(self) -> Tuple[Resolver, List[str], List[Withheld]]:
        """The closure; and, where policy would have it so, without the names of the BOM that need what is forbidden."""
        wanted = list(self.item.packages)
        withheld: List[Withheld] = []
        while True:
            resolver = self.resolver()
            try:
                resolver.resolve(wanted)
                return resolver, wanted, withheld
            except ForbiddenError as error:
                if not self.policy.withholds:
                    raise BundleError(f"apt repository {self.item.name}: {error}") from error
                withheld += self._withhold(error, resolver)
                wanted.remove(resolver.asked.get(error.chain[0], error.chain[0]))
            except BundleError as error:
                raise BundleError(f"apt repository {self.item.name}: {error}{self._narrowed()}") from error

    def _withhold(self, error: ForbiddenError, resolver: Resolver) -> List[Withheld]:
        culprit = error.chain[-1]
        reasons = [(name, f"needs {needed}", needed) for name, needed in zip(error.chain, error.chain[1:])]
        rows = []
        for name, reason, because_of in [*reasons, (culprit, f"policy.must_not_contain: {error.pattern}", "")]:
            package = resolver.candidates.get(name)
            version = package.version if package is not None else ""
            rows.append(Withheld("apt", name, reason, version, self.item.name, because_of))
        return rows

    def _narrowed(self) -> str:
        names = ", ".join(self.policy.apt_components)
        return f" Only packages of {names} are looked at, as policy.apt_components says." if names else ""

    def _item(self, package: Package, resolver: Resolver) -> Item:
        suite, fields = self.opened.suites[package.origin], package.fields
        filename, size = fields.get("Filename", ""), fields.get("Size", "")
        if not filename or not debian.SIZE.fullmatch(size) or not fsutil.is_sha256(fields.get("SHA256")):
            raise BundleError(
                f"{suite.release.where}: the index does not give Filename, Size and SHA256 of {package.name}."
            )
        return Item(
            kind="apt",
            group=self.item.name,
            name=package.name,
            version=package.version,
            architecture=fields["Architecture"],
            size=int(size),
            sha256=fields["SHA256"],
            url=f"{suite.source.uri}/{quote(filename, safe='/:~')}",
            proof=f"listed by {' and '.join(self._listed_by(package, resolver))}, release {suite.sha256}",
            why=resolver.why[package.name],
        )

    def _listed_by(self, package: Package, resolver: Resolver) -> List[str]:
        """Every suite that has it: an update for security's sake may be in the main suite, too, since a point release."""
        same = resolver.candidates.versions(package.name)[package.version]
        suites = [self.opened.suites[other.origin].release.suite for other in same]
        return list(dict.fromkeys(suites))
