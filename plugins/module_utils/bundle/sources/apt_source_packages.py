# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The sources of the packages that are carried: what a licence, or a person who must rebuild, asks for."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple
from urllib.parse import quote

from .. import aptrepo
from ..boms.apt import AptItem
from ..boms.policy import Policy
from ..errors import BundleError
from ..lock import Evidence, Item, Repository
from ..workspace import Resolved
from .apt_index import Index, Package
from .apt_suites import Suite, SuiteReader

KIND = "apt_source"


class SourcePackages:
    """Adds to a closure the files that its packages were made of."""

    def __init__(self, item: AptItem, reader: SuiteReader, policy: Policy) -> None:
        self.item = item
        self.reader = reader
        self.policy = policy
        self._indexes: List[Tuple[Suite, Index]] = []

    def add(self, found: Resolved, suites: Sequence[Suite], chosen: Sequence[Tuple[Package, Suite]]) -> None:
        for suite in suites:
            self._open(found, suite)
        stanzas: Dict[str, str] = {}
        items: Dict[str, Item] = {}
        for package, of in chosen:
            name, version = package.source
            key = f"{name}_{version}"
            if key not in stanzas:
                suite, stanzas[key] = self._find(package, of, name, version)
                for file in self._files(suite, stanzas[key], package.name):
                    items.setdefault(file.name, file)
        text = "".join(f"{stanza}\n\n" for _key, stanza in sorted(stanzas.items())).encode()
        digest = self.reader.workspace.keep(text)
        found.evidence.append(Evidence("source_stanzas", len(text), digest, "", self.item.name))
        names = tuple(sorted({key.partition("_")[0] for key in stanzas}))
        found.repositories.append(Repository(self.item.name, self.item.release, "source", names, digest, KIND))
        found.items.extend(items.values())

    def _open(self, found: Resolved, suite: Suite) -> None:
        components = [name for name in suite.source.components or ("",) if self.policy.has_component(name)]
        paths = [f"{component}/source/Sources".lstrip("/") if component else "Sources" for component in components]
        listed = [path for path in paths if any(name.startswith(path) for name in suite.release.digests)]
        _suite, indexes = self.reader.indexes(suite, listed)
        for index, proof in indexes:
            self._indexes.append((suite, index))
            if self.item.carry_indexes:
                found.evidence.append(proof)

    def _find(self, package: Package, of: Suite, name: str, version: str) -> Tuple[Suite, str]:
        """Of the suite the package is from, else of any."""
        for suite, index in sorted(self._indexes, key=lambda pair: pair[0] is not of):
            for stanza in index.stanzas(name):
                if Package.read(name, stanza, 0).version == version:
                    return suite, stanza
        raise BundleError(
            f"apt repository {self.item.name}: no suite has the source {name} {version} of {package.name}. Take source_packages "
            "out of the BOM, or name a mirror that has sources."
        )

    def _files(self, suite: Suite, stanza: str, why: str) -> List[Item]:
        source = aptrepo.read_source(stanza)
        if source is None:
            raise BundleError(f"{suite.release.where}: the index of sources describes no usable files for {why}.")
        return [
            Item(
                kind=KIND,
                group=self.item.name,
                name=name,
                version=source.version,
                size=size,
                sha256=sha256,
                url="/".join(
                    filter(None, (suite.source.uri, quote(source.directory, safe="/:~"), quote(name, safe="~+")))
                ),
                proof=f"listed by {suite.release.suite}, release {suite.sha256}",
                why=why,
            )
            for name, (sha256, size) in source.files.items()
        ]
