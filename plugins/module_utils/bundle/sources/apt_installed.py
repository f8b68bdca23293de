# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the targets have already: dpkg's own status file, Ansible's facts, or lists of names and versions."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from .. import fsutil
from ..errors import BundleError
from . import debian
from .apt_index import Package
from .apt_pins import Layer

_LINE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]+)(?::(?P<arch>[a-z0-9-]+))?\s+(?P<version>[A-Za-z0-9.+~:-]+)(?:\s+(?P<arch2>[a-z0-9-]+))?"
)
_LIMIT = 64 << 20
_NOWHERE = -1  # of no suite
_CARRIED = (
    "Package",
    "Version",
    "Architecture",
    "Multi-Arch",
    "Essential",
    "Provides",
    "Replaces",
    "Source",
    "Priority",
)


def read_installed(entries: Sequence[str], layers: Sequence[Layer], *, architecture: str) -> Dict[str, Package]:
    """What all targets have, each in the oldest version found. An absolute path is one target, the plain rows another."""
    targets = [list(_read_target(path)) for path in entries if path.startswith("/")]
    rows = [row for row in entries if not row.startswith("/")]
    if rows:
        targets.append(list(_read_rows("\n".join(rows), "The BOM")))
    common: Dict[str, Package] = {}
    for number, target in enumerate(targets):
        held = {package.name: package for package in target if _fits(package, architecture)}
        if number == 0:
            common = held
        common = {name: _older(common[name], held[name]) for name in common if name in held}
    return {name: _described(package, layers, architecture) for name, package in sorted(common.items())}


def _fits(package: Package, architecture: str) -> bool:
    return package.fields.get("Architecture", "") in ("", "all", architecture)


def _older(first: Package, second: Package) -> Package:
    return min(first, second, key=lambda package: debian.version_key(package.version))


def _read_target(path: str) -> Iterator[Package]:
    text = fsutil.read_plain(path, limit=_LIMIT).decode("utf-8", "replace")
    if text.lstrip().startswith("{"):
        yield from _read_rows("\n".join(_rows_of_facts(text, path)), path)
        return
    if not re.search(r"^Package:", text, re.MULTILINE):
        yield from _read_rows(text, path)
        return
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = debian.parse_stanza(stanza)
        if fields.get("Status", "install ok installed").split()[-1:] == ["installed"] and fields.get("Package"):
            if not fields.get("Version"):
                raise BundleError(
                    f"{path} gives no version of {fields['Package']}; carry the target's dpkg status whole."
                )
            yield Package.read(fields["Package"], stanza.strip("\n"), _NOWHERE)


def _rows_of_facts(text: str, path: str) -> Iterator[str]:
    """What Ansible's package_facts found, as it answers or as facts are cached."""
    document: Any = fsutil.load_object(text.encode(), path)
    document = document.get("ansible_facts", document)
    packages = document.get("packages") if isinstance(document, dict) else None
    if not isinstance(packages, dict):
        raise BundleError(f"{path} has no packages; give the answer of the module ansible.builtin.package_facts.")
    for name, found in sorted(packages.items()):
        for row in found if isinstance(found, list) else [found]:
            told = row if isinstance(row, dict) else {}
            yield f"{name} {told.get('version', '')} {told.get('arch', '')}"


def _read_rows(text: str, what: str) -> Iterator[Package]:
    for line in filter(None, map(str.strip, text.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None:
            raise BundleError(
                f"{what} lists {line[:80]!r} as installed; a package, its version and perhaps its architecture are expected, "
                "as dpkg-query --show prints them."
            )
        architecture = match.group("arch") or match.group("arch2") or ""
        stanza = f"Package: {match.group('name')}\nVersion: {match.group('version')}"
        stanza += f"\nArchitecture: {architecture}" if architecture else ""
        yield Package.read(match.group("name"), stanza, _NOWHERE)


def _described(package: Package, layers: Sequence[Layer], architecture: str) -> Package:
    """A package that is known by name and version only: what it needs and provides is what the suites say of it.

    Of that version, or else of any, for what a package provides seldom changes between two of its versions.
    """
    if len(package.fields) > 3:
        return package
    told: List[Tuple[bool, str]] = []
    for layer in layers:
        for stanza in layer.index.stanzas(package.name):
            fields = debian.parse_stanza(stanza)
            if fields.get("Architecture") in ("all", architecture):
                told.append((fields.get("Version") != package.version, stanza))
    if not told:
        return package
    other, stanza = min(told, key=lambda pair: pair[0])
    if other:
        fields = {**debian.parse_stanza(stanza), "Version": package.version}
        stanza = "\n".join(f"{name}: {fields[name]}" for name in _CARRIED if name in fields)
    return Package.read(package.name, stanza, _NOWHERE)


def status_of(packages: Sequence[Package], *, architecture: str) -> str:
    """A dpkg status in which just these are installed, for apt to start from."""
    blocks = []
    for package in packages:
        fields = {"Architecture": architecture, **package.fields, "Status": "install ok installed"}
        kept = (*_CARRIED, "Status", "Depends", "Pre-Depends", "Conflicts", "Breaks")
        lines = [f"{name}: {' '.join(fields[name].split())}" for name in kept if fields.get(name)]
        blocks.append("\n".join([*lines, "Description: installed"]) + "\n")
    return "\n".join(blocks)
