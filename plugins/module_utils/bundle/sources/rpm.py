# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The rpm source: signed metadata, the closure as dnf has it, and both in upstream's words."""

from __future__ import annotations

import functools
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Dict, List, Set, Tuple

from .. import fsutil, licences, yumrepo
from ..boms.rpm import RpmItem, RpmSource
from ..errors import BundleError
from ..lock import Evidence, Item, Repository
from ..workspace import Resolved, Workspace
from . import rpm_repository, rpm_solver, rpm_xml
from .rpm_repository import Opened
from .rpm_solver import Choice

_ARTIFACT = re.compile(rb"^ +- (\S+-\d+:\S+)\s*$", re.MULTILINE)
_UPDATED = re.compile(r"<package\s[^<>]*>")
_ATTRIBUTE = re.compile(r"""([a-z]+)=["']([^"'<>]*)["']""")


class RpmResolver:
    """One rpm item of a BOM."""

    def __init__(self, item: RpmItem, workspace: Workspace) -> None:
        self.item = item
        self.workspace = workspace

    def survey(self) -> List[str]:
        """One conditional request per repository: what tells whether anything can have changed."""
        return [f"{opened.url} {opened.sha256} {_digest(opened.keys)}" for opened in self.repositories]

    @functools.cached_property
    def repositories(self) -> List[Opened]:
        def open_one(source: RpmSource) -> Opened:
            return rpm_repository.open_repository(source, self.workspace, self.item.name)

        with ThreadPoolExecutor(len(self.item.sources)) as pool:
            return list(pool.map(open_one, self.item.sources))

    def resolve(self) -> Resolved:
        """Upstream may change while it is read; then what was read first is of no use, and it is read again, once."""
        try:
            return self._resolve()
        except BundleError:
            before = self.survey()
            del self.repositories
            if self.survey() == before:
                raise
            return self._resolve()

    def _resolve(self) -> Resolved:
        item = self.item
        try:
            for opened in self.repositories:
                rpm_repository.fetch_metadata(opened, self.workspace)
            chosen = rpm_solver.solve(
                item, [opened.paths for opened in self.repositories], scratch=self.workspace.fresh.root
            )
            description = self._describe(chosen)
            items = self._items(chosen, description)
        except BundleError as error:
            raise BundleError(f"rpm repository {item.name}: {error}") from error
        evidence: List[Evidence] = []
        for opened in self.repositories:
            evidence += rpm_repository.evidence(opened, item.name, indexes=item.carry_indexes)
        data = description.dump()
        told = Evidence("stanzas", len(data), self.workspace.keep(data), "", item.name)
        packages = tuple(sorted(item.packages))
        repository = Repository(item.name, item.release, item.architecture, packages, told.sha256, "rpm")
        return Resolved(items, [*evidence, told], [repository], self._warnings())

    def _warnings(self) -> List[str]:
        told = []
        for source in self.item.sources:
            for checked, what in ((source.repo_gpgcheck, "metadata"), (source.gpgcheck, "packages")):
                if not checked:
                    told.append(
                        f"rpm repository {self.item.name}: signatures of the {what} of {source.baseurl} are not checked. "
                        f"Reason given: {source.reason}"
                    )
        return told

    def _describe(self, chosen: List[Choice]) -> yumrepo.Description:
        packages: List[yumrepo.Package] = []
        updates: List[str] = []
        modules: List[str] = []
        for number, opened in enumerate(self.repositories):
            ours = [choice for choice in chosen if choice.repository == number]
            parts = {kind: self._fragments(opened, kind, ours) for kind in ("primary", "filelists", "other")}
            for sha256 in (choice.sha256 for choice in ours):
                words = {kind: found.get(sha256, "") for kind, found in parts.items()}
                packages.append(yumrepo.Package(number, sha256, **words))
            updates += self._updates(opened, ours)
            modules += self._modules(opened, ours)
        sources = [
            yumrepo.Source(opened.source.baseurl, opened.keys, "" if opened.source.gpgcheck else opened.source.reason)
            for opened in self.repositories
        ]
        return yumrepo.Description(tuple(sources), tuple(packages), tuple(updates), tuple(modules))

    def _fragments(self, opened: Opened, kind: str, ours: List[Choice]) -> Dict[str, str]:
        if kind not in opened.paths:
            return {}
        what = f"{kind} of {opened.source.baseurl}"
        identity = rpm_xml.PRIMARY_ID if kind == "primary" else rpm_xml.PACKAGE_ID
        text = rpm_repository.mapped(opened.paths[kind])
        found = rpm_xml.packages(text, {choice.sha256 for choice in ours}, identity, what=what)
        for choice in ours:
            if choice.sha256 in found:
                rpm_xml.parse_fragment(found[choice.sha256], what=what)
            elif kind != "other":
                raise BundleError(f"{what} does not describe {choice.nevra}.")
        return found

    def _updates(self, opened: Opened, ours: List[Choice]) -> List[str]:
        """The advisories that a carried package answers."""
        if "updateinfo" not in opened.paths:
            return []
        what = f"updateinfo of {opened.source.baseurl}"
        wanted = {choice.nevra for choice in ours}
        text = rpm_repository.mapped(opened.paths["updateinfo"])
        found = [part for part in rpm_xml.elements(text, b"update", what=what) if wanted & _nevras(part)]
        for part in found:
            rpm_xml.parse_fragment(part, what=what)
        return found

    def _modules(self, opened: Opened, ours: List[Choice]) -> List[str]:
        """What upstream says of its modules, whole, when a carried package is of one: dnf would hide it otherwise."""
        if "modules" not in opened.paths:
            return []
        data = fsutil.read_plain(opened.paths["modules"])
        artifacts = {name.decode("utf-8", "replace") for name in _ARTIFACT.findall(data)}
        if not artifacts & {choice.nevra for choice in ours}:
            return []
        text = data.decode("utf-8", "replace").strip("\n")
        return [f"{text}\n" if text.startswith("---") else f"---\n{text}\n"]

    def _items(self, chosen: List[Choice], description: yumrepo.Description) -> List[Item]:
        described = {package.sha256: package for package in description.packages}
        told = [self._told(choice, described[choice.sha256]) for choice in chosen]
        names = self._names(told)
        items = []
        for choice, package, name in zip(chosen, told, names):
            opened = self.repositories[choice.repository]
            items.append(
                Item(
                    kind="rpm",
                    group=self.item.name,
                    name=name,
                    version=package.version,
                    architecture=package.architecture,
                    size=package.size,
                    sha256=package.sha256,
                    url=rpm_repository.package_url(opened.source, package.href),
                    proof=f"listed by {opened.source.baseurl}, repomd {opened.sha256}",
                    why=names[choice.why] if choice.why >= 0 else "",
                    licenses=licences.stated(package.license),
                )
            )
        return items

    def _told(self, choice: Choice, package: yumrepo.Package) -> yumrepo.Told:
        """What primary says of a package that dnf chose. Both have to mean the same one."""
        where = f"primary of {self.repositories[choice.repository].source.baseurl}"
        told = yumrepo.read_primary(package.primary, what=where)
        if (told.name, told.version, told.architecture) != (choice.name, choice.evr, choice.architecture):
            raise BundleError(f"{where} gives the sha256 of {choice.nevra} to {told.file}.")
        return told

    def _names(self, packages: List[yumrepo.Told]) -> List[str]:
        """What locks call packages, the same each time: by name, unless another one has that already."""
        names: List[str] = []
        for told in packages:
            plain = told.architecture in (self.item.architecture, "noarch")
            name = told.name if plain else f"{told.name}.{told.architecture}"
            names.append(name if name not in names else told.file[: -len(".rpm")])
        return names


def _nevras(update: str) -> Set[str]:
    found = set()
    for tag in _UPDATED.findall(update):
        told = dict(_ATTRIBUTE.findall(tag))
        parts: Tuple[str, ...] = tuple(told.get(key, "") for key in ("name", "version", "release", "arch"))
        found.add(f"{parts[0]}-{told.get('epoch') or '0'}:{parts[1]}-{parts[2]}.{parts[3]}")
    return found


def _digest(keys: Tuple[str, ...]) -> str:
    return fsutil.sha256_bytes("".join(keys).encode())
