# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Yum repositories made from what upstream says about its packages, word for word; no package is ever opened."""

from __future__ import annotations

import gzip
import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Dict, Iterable, Iterator, List, Sequence, Tuple

from . import fsutil
from .errors import BundleError
from .lock import Lock, Repository
from .sources import rpm_xml
from .sources.rpm_repomd import href_of

FORMAT = 1
REPOMD = "repodata/repomd.xml"
_COMMON = f"{{{rpm_xml.COMMON}}}"
_LOCATION = re.compile(r"<location\s[^<>]*/>")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+.~^-]*\.rpm")
_PARTS = {  # of the metadata: how each begins and ends
    "primary": (f'<metadata xmlns="{rpm_xml.COMMON}" xmlns:rpm="{rpm_xml.RPM}" packages="%d">\n', "</metadata>\n"),
    "filelists": ('<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="%d">\n', "</filelists>\n"),
    "other": ('<otherdata xmlns="http://linux.duke.edu/metadata/other" packages="%d">\n', "</otherdata>\n"),
}
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(frozen=True)
class Source:
    """Where packages come from, the armoured keys they are signed with, and why that is not checked when it is not."""

    baseurl: str
    keys: Tuple[str, ...]
    unsigned: str = ""


@dataclass(frozen=True)
class Package:
    """One package in upstream's words. The source is its position in the list of them."""

    source: int
    sha256: str
    primary: str
    filelists: str = ""
    other: str = ""


@dataclass(frozen=True)
class Description:
    """What travels beside the packages of one repository, so that the far side can publish them as upstream did."""

    sources: Tuple[Source, ...]
    packages: Tuple[Package, ...]
    updateinfo: Tuple[str, ...] = ()
    modules: Tuple[str, ...] = ()

    def dump(self) -> bytes:
        lists = {name: list(value) for name, value in asdict(self).items()}
        return fsutil.dump_lines({"format": FORMAT, **lists})

    @classmethod
    def parse(cls, data: bytes, what: str) -> Description:
        document = fsutil.load_object(data, what)
        if document.pop("format", None) != FORMAT:
            raise BundleError(f"{what} are not of format {FORMAT}, the only one this version reads.")
        try:
            sources = [
                Source(str(row["baseurl"]), _texts(row["keys"]), str(row["unsigned"])) for row in document["sources"]
            ]
            packages = [_package(row) for row in document["packages"]]
            return cls(tuple(sources), tuple(packages), _texts(document["updateinfo"]), _texts(document["modules"]))
        except (AttributeError, KeyError, TypeError) as error:
            raise BundleError(f"{what} are not made as they should be: {error}.") from error


def _texts(rows: Sequence[object]) -> Tuple[str, ...]:
    return tuple(str(row) for row in rows)


def _package(row: Dict[str, Any]) -> Package:
    package = Package(**row)
    words = [value for key, value in row.items() if key != "source"]
    if not isinstance(package.source, int) or not all(isinstance(word, str) for word in words):
        raise TypeError(f"a package is {row!r}")
    return package


@dataclass(frozen=True)
class Told:
    """What a primary element says that a lock has to know."""

    name: str
    version: str
    architecture: str
    sha256: str
    size: int
    href: str
    file: str
    license: str


def evr(epoch: str, version: str, release: str) -> str:
    """Epoch, version and release as dnf writes them: an epoch of 0 goes without saying."""
    return f"{epoch}:{version}-{release}" if epoch not in ("", "0") else f"{version}-{release}"


def read_primary(fragment: str, *, what: str) -> Told:
    """A primary element, taken apart. What it is called becomes a file name, so it has to be a plain one."""
    element = rpm_xml.parse_fragment(fragment, what=what)
    version = element.find(f"{_COMMON}version")
    checksum = element.find(f"{_COMMON}checksum")
    size = element.find(f"{_COMMON}size")
    name, architecture = (element.findtext(_COMMON + tag) or "" for tag in ("name", "arch"))
    parts = [version.get(key, "") if version is not None else "" for key in ("epoch", "ver", "rel")]
    file = f"{name}-{parts[1]}-{parts[2]}.{architecture}.rpm"
    count = size.get("package", "") if size is not None else ""
    digest = (checksum.text or "").strip() if checksum is not None and checksum.get("type") == "sha256" else ""
    if not (_FILE.fullmatch(file) and all((name, *parts[1:], architecture))):
        raise BundleError(f"{what} is called {file!r}, which is no plain name; it is refused.")
    if not (count.isdecimal() and len(count) < 16 and fsutil.is_sha256(digest)):
        raise BundleError(f"{what} has no usable size and sha256 of {file}.")
    if len(_LOCATION.findall(fragment)) != 1 or not (parts[0] or "0").isdecimal():
        raise BundleError(f"{what} does not say where {file} is as such metadata does.")
    href = href_of(element.find(f"{_COMMON}location"), what=f"{file} of {what}")
    license_text = element.findtext(f".//{{{rpm_xml.RPM}}}license") or ""
    return Told(name, evr(*parts), architecture, digest, int(count), href, file, license_text)


def read_description(lock: Lock, repository: Repository, data: bytes) -> Description:
    """The description of a repository, which has to be of exactly the packages the lock names."""
    what = f"The package descriptions of {repository.name}"
    description = Description.parse(data, what)
    items = lock.items_of(repository)
    expected = {(item.version, item.architecture, item.sha256, item.size) for item in items}
    for package in description.packages:
        told = read_primary(package.primary, what=what)
        row = (told.version, told.architecture, told.sha256, told.size)
        if row not in expected or package.sha256 != told.sha256 or not 0 <= package.source < len(description.sources):
            raise BundleError(f"{what} tell of {told.file}, which the lock does not name so.")
        expected.remove(row)
    if expected:
        raise BundleError(f"{what} lack {len(expected)} of the packages that the lock names.")
    return description


def package_file(package: Package) -> str:
    return read_primary(package.primary, what="A package description").file


def description_without(full: Lock, slim: Lock, repository: Repository, data: bytes) -> bytes:
    """The description of the packages of a repository that a slimmer lock still has."""
    kept = {item.sha256 for item in slim.items_of(repository)}
    described = read_description(full, repository, data)
    return replace(described, packages=tuple(one for one in described.packages if one.sha256 in kept)).dump()


def render_files(description: Description) -> Iterator[Tuple[str, str, bytes]]:
    """Kind, name and content of every metadata file but repomd.xml."""
    packages = sorted(description.packages, key=lambda package: (package_file(package), package.sha256))
    for kind, (head, foot) in _PARTS.items():
        fragments = [getattr(package, kind) for package in packages]
        if kind == "primary":
            fragments = [_relocate(package) for package in packages]
        if all(fragments):
            rows = "".join(f"{fragment}\n" for fragment in fragments)
            yield kind, f"{kind}.xml", f"{_XML}{head % len(fragments)}{rows}{foot}".encode()
    if description.updateinfo:
        rows = "".join(f"{fragment}\n" for fragment in sorted(set(description.updateinfo)))
        yield "updateinfo", "updateinfo.xml", f"{_XML}<updates>\n{rows}</updates>\n".encode()
    if description.modules:
        yield "modules", "modules.yaml", "".join(description.modules).encode()


def _relocate(package: Package) -> str:
    """Upstream's words, untouched but for the place the package has here."""
    return _LOCATION.sub(f'<location href="packages/{package_file(package)}"/>', package.primary)


@dataclass(frozen=True)
class Entry:
    """A metadata file as repomd.xml lists it, packed and as it is inside."""

    kind: str
    href: str
    sha256: str
    size: int
    open_sha256: str
    open_size: int


def render(description: Description, *, moment: int) -> Dict[str, bytes]:
    """All of repodata/, the same bytes for the same packages and moment."""
    files: Dict[str, bytes] = {}
    entries: List[Entry] = []
    for kind, name, data in render_files(description):
        packed = gzip.compress(data, 9, mtime=0)
        sha256 = fsutil.sha256_bytes(packed)
        href = f"repodata/{sha256}-{name}.gz"
        files[href] = packed
        entries.append(Entry(kind, href, sha256, len(packed), fsutil.sha256_bytes(data), len(data)))
    files[REPOMD] = render_repomd(entries, moment=moment)
    return files


def render_repomd(entries: Iterable[Entry], *, moment: int) -> bytes:
    lines = [f'{_XML}<repomd xmlns="{rpm_xml.REPO}" xmlns:rpm="{rpm_xml.RPM}">', f"  <revision>{moment}</revision>"]
    for entry in entries:
        lines += [
            f'  <data type="{entry.kind}">',
            f'    <checksum type="sha256">{entry.sha256}</checksum>',
            f'    <open-checksum type="sha256">{entry.open_sha256}</open-checksum>',
            f'    <location href="{entry.href}"/>',
            f"    <timestamp>{moment}</timestamp>",
            f"    <size>{entry.size}</size>",
            f"    <open-size>{entry.open_size}</open-size>",
            "  </data>",
        ]
    return ("\n".join(lines) + "\n</repomd>\n").encode()


def merge(first: Description, second: Description) -> Description:
    """Of two bundles that bring parts of one repository. Sources are numbered on."""
    shift = len(first.sources)
    known = {package.sha256 for package in first.packages}
    rows: List[Any] = [asdict(package) for package in second.packages if package.sha256 not in known]
    more = [Package(**{**row, "source": row["source"] + shift}) for row in rows]
    return Description(
        (*first.sources, *second.sources),
        (*first.packages, *more),
        (*first.updateinfo, *(part for part in second.updateinfo if part not in first.updateinfo)),
        (*first.modules, *(part for part in second.modules if part not in first.modules)),
    )
