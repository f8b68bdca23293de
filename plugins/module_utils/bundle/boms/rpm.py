# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The rpm section of a bill of materials."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional, Tuple

from ..names import ARCHITECTURE, NAME, NAME_TOLD, PACKAGE_SPEC, union
from ..reader import Reader

_SPEC_TOLD = "a package as dnf names it: its name, or name.architecture, or name-version"
_GLOB = re.compile(r"[A-Za-z0-9_*?\[][A-Za-z0-9_+.:~^*?\[\]!-]*")
_GLOB_TOLD = "a package or a pattern as dnf's excludepkgs takes it"
_STREAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]*:[A-Za-z0-9][A-Za-z0-9_+.-]*")
_STREAM_TOLD = "a module with its stream, such as postgresql:15"
_MIRRORS = ("mirrorlist", "metalink")


@dataclass(frozen=True)
class RpmSource:
    """One yum repository: signed_by are the keys of its metadata and of its packages, as paths or armoured text."""

    baseurl: str
    signed_by: Tuple[str, ...]
    repo_gpgcheck: bool = True
    gpgcheck: bool = True
    reason: str = ""


@dataclass(frozen=True)
class RpmItem:
    """Packages for one release and architecture."""

    name: str
    release: str
    architecture: str
    packages: Tuple[str, ...]
    sources: Tuple[RpmSource, ...]
    exclude: Tuple[str, ...] = ()
    modules: Tuple[str, ...] = ()
    carry_indexes: bool = True


def read(reader: Reader, where: str, row: object) -> Optional[RpmItem]:
    required = ("name", "release", "architecture", "packages", "sources")
    item = reader.table(where, row, (*required, "exclude", "modules", "carry_indexes"), required)
    if item is None:
        return None
    for key in ("packages", "sources"):
        if isinstance(item.get(key), (list, tuple)) and not item[key]:
            reader.wrong(f"{where}.{key}", f"name at least one of the {key}.")
    release = reader.text(f"{where}.release", item.get("release"), NAME, "a release as $releasever has it, such as 9")
    architecture = reader.text(
        f"{where}.architecture", item.get("architecture"), ARCHITECTURE, "an architecture as $basearch has it"
    )
    names = {"$releasever": release, "$basearch": architecture}
    rows = reader.rows(f"{where}.sources", item.get("sources"))
    sources = [_read_source(reader, at, source, names) for at, source in rows]
    return RpmItem(
        name=reader.text(f"{where}.name", item.get("name"), NAME, NAME_TOLD),
        release=release,
        architecture=architecture,
        packages=reader.texts(f"{where}.packages", item.get("packages"), PACKAGE_SPEC, _SPEC_TOLD),
        sources=tuple(source for source in sources if source is not None),
        exclude=reader.texts(f"{where}.exclude", item.get("exclude"), _GLOB, _GLOB_TOLD),
        modules=reader.texts(f"{where}.modules", item.get("modules"), _STREAM, _STREAM_TOLD),
        carry_indexes=reader.flag(where, item, "carry_indexes"),
    )


def _read_source(reader: Reader, where: str, value: object, names: Mapping[str, str]) -> Optional[RpmSource]:
    if isinstance(value, Mapping):
        for key in sorted({*_MIRRORS} & {*value}):
            reader.wrong(f"{where}.{key}", "a list of mirrors is not followed; name one of them as baseurl.")
        value = {key: told for key, told in value.items() if key not in _MIRRORS}
    keys = ("baseurl", "signed_by", "repo_gpgcheck", "gpgcheck", "reason")
    item = reader.table(where, value, keys, ("baseurl", "signed_by"))
    if item is None:
        return None
    url = item.get("baseurl")
    for name, told in names.items():
        url = url.replace(name, told) if isinstance(url, str) else url
    signed_by = item.get("signed_by")
    keyrings = signed_by if isinstance(signed_by, (list, tuple)) else [signed_by]
    if "" in keyrings or not keyrings:
        reader.wrong(f"{where}.signed_by", "give the path of a public key, or the armoured key.")
    source = RpmSource(
        baseurl=reader.url(f"{where}.baseurl", url).rstrip("/"),
        signed_by=tuple(reader.text(f"{where}.signed_by", entry) for entry in keyrings),
        repo_gpgcheck=reader.flag(where, item, "repo_gpgcheck"),
        gpgcheck=reader.flag(where, item, "gpgcheck"),
        reason=reader.text(f"{where}.reason", item.get("reason")),
    )
    _check_trust(reader, where, source)
    return source


def _check_trust(reader: Reader, where: str, source: RpmSource) -> None:
    """One of the two signatures may be missing, for a stated reason; without both, nobody vouches for anything."""
    if not source.repo_gpgcheck and not source.gpgcheck:
        reader.wrong(where, "repo_gpgcheck and gpgcheck cannot both be false: nothing would vouch for the packages.")
    elif not (source.repo_gpgcheck and source.gpgcheck) and not source.reason.strip():
        off = "gpgcheck" if source.repo_gpgcheck else "repo_gpgcheck"
        reader.wrong(f"{where}.reason", f"say why {off} is false, in words.")


def join(reader: Reader, items: List[RpmItem]) -> Tuple[RpmItem, ...]:
    """Items of the same name, from several BOMs, become one, if they mean the same repository."""
    joined: Dict[str, RpmItem] = {}
    for item in items:
        other = joined.get(item.name, item)
        if (other.release, other.architecture, other.sources) != (item.release, item.architecture, item.sources):
            reader.wrong("rpm", f"the name {item.name!r} stands for different releases, architectures or sources.")
        joined[item.name] = replace(
            item,
            packages=union(other.packages, item.packages),
            exclude=union(other.exclude, item.exclude),
            modules=union(other.modules, item.modules),
            carry_indexes=other.carry_indexes or item.carry_indexes,
        )
    return tuple(joined.values())
