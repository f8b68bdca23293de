# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""A frozen upstream for the mirror benchmark: the real indexes of this machine's own Debian sources, and the packages of one closure.

Two states of it lie side by side, which differ by one rebuilt package; a link says which one is served. The indexes are
whole (every package of the suites); of the packages themselves only those are there that any tool asks for.
"""

from __future__ import annotations

import email.utils
import gzip
import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Tuple
from urllib.parse import unquote

from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import SigningKey
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_host import Host

RELEASE = "bookworm"
ARCHITECTURE = "amd64"
PACKAGES = (
    "postgresql",
    "nginx",
    "redis-server",
    "prometheus",
    "chrony",
    "nftables",
    "coturn",
    "keepalived",
    "haproxy",
)
CHANGED = "haproxy"
_KEPT = re.compile(
    r"^(Origin|Label|Suite|Version|Codename|Acquire-By-Hash|No-Support-for-Architecture-all|Description): "
)


@dataclass(frozen=True)
class Archive:
    """One archive of the upstream, and its suites."""

    name: str
    suites: Tuple[str, ...]
    uri: str  # where it was frozen from


@dataclass(frozen=True)
class Frozen:
    """An upstream that does not move while it is measured."""

    root: Path
    archives: Tuple[Archive, ...]
    names: Tuple[str, ...]  # the closure, as apt itself resolves it
    key: SigningKey

    def serve(self, state: str) -> None:
        """Let the link point at v1 or v2."""
        fresh = self.root / "cur.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(state)
        fresh.rename(self.root / "cur")

    def stock(self, missing: Sequence[str]) -> int:
        """Fetch packages that a tool asked for and that the closure does not have. Returns how many came."""
        come = 0
        for path in missing:
            _slash, _cur, name, rest = path.split("/", 3)
            archive = next((one for one in self.archives if one.name == name), None)
            if archive is None or not rest.endswith(".deb"):
                continue
            data = urllib.request.urlopen(f"{archive.uri}/{rest}", timeout=60).read()
            come += 1
            for state in ("v1", "v2"):
                target = self.root / state / name / unquote(rest)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        return come


def freeze(work: Path) -> Frozen:
    """Made once; apt resolves the closure on an empty target and fetches it, so its choice is the one that counts."""
    made = work / "frozen.json"
    if made.exists():
        told = json.loads(made.read_text())
        archives = tuple(Archive(name, tuple(suites), uri) for name, suites, uri in told["archives"])
        return Frozen(work / "upstream", archives, tuple(told["names"]), SigningKey.find(str(work / "gnupg")))
    apt = PrivateApt(work / "apt")
    apt.update()
    names = apt.download(PACKAGES)
    home = work / "gnupg"
    key, _made = SigningKey.obtain(str(home), "", create_as="Bench archive <bench@example.com>")
    assert key is not None
    root = work / "upstream"
    shutil.rmtree(root, ignore_errors=True)
    debs = {deb.name.replace("%3a", ":"): deb for deb in apt.archives.glob("*.deb")}
    rebuilt = _rebuilt(next(deb for name, deb in debs.items() if name.startswith(f"{CHANGED}_")), work / "rebuilt")
    for state in ("v1", "v2"):
        for archive in apt.sources:
            for suite in archive.suites:
                text, told = apt.index(suite)
                if state == "v2" and suite.endswith("-security"):
                    text = _with_rebuilt(text, rebuilt, apt)
                base = root / state / archive.name
                write_suite(base / "dists" / suite, text, told, key)
                _link_pool(base, text, {**debs, rebuilt.name: rebuilt})
    frozen = Frozen(root, tuple(apt.sources), tuple(names), key)
    frozen.serve("v1")
    archives = [[archive.name, archive.suites, archive.uri] for archive in frozen.archives]
    made.write_text(json.dumps({"names": names, "archives": archives}))
    return frozen


class PrivateApt:
    """Apt in a root of its own, with this machine's sources, for a target that has nothing installed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.archives = root / "archives"
        found = Host().distribution_sources(RELEASE)
        uris = list(dict.fromkeys(source.uri for source in found))
        lines = []
        for source in found:
            signed = f" [signed-by={','.join(source.signed_by)}]" if source.signed_by else ""
            lines += [f"deb{signed} {source.uri} {suite} main" for suite in source.suites]
        self.sources = [
            Archive(
                f"archive-{number}",
                tuple(suite for source in found if source.uri == uri for suite in source.suites),
                uri,
            )
            for number, uri in enumerate(uris)
        ]
        for folder in (root / "lists/partial", self.archives / "partial", root / "etc"):
            folder.mkdir(parents=True, exist_ok=True)
        (root / "etc/sources.list").write_text("\n".join(lines) + "\n")
        (root / "status").write_text("")
        options = {
            "Dir::State::Lists": root / "lists",
            "Dir::Cache": root,
            "Dir::Cache::Archives": self.archives,
            "Dir::State::status": root / "status",
            "Dir::Etc::SourceList": root / "etc/sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "APT::Architecture": ARCHITECTURE,
            "APT::Install-Recommends": "false",
            "Acquire::Languages": "none",
            "Acquire::GzipIndexes": "false",
        }
        self.options = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]

    def update(self) -> None:
        subprocess.run(["apt-get", *self.options, "update", "-qq"], check=True)

    def closure(self, packages: Sequence[str]) -> List[Tuple[str, str]]:
        """Name and version of all that a target with nothing on it would install."""
        done = subprocess.run(
            ["apt-get", *self.options, "install", "-qq", "-y", "--simulate", *packages],
            check=True,
            capture_output=True,
            text=True,
        )
        return re.findall(r"^Inst (\S+) \((\S+)", done.stdout, re.MULTILINE)

    def download(self, packages: Sequence[str]) -> List[str]:
        """Fetch the closure. Returns its names."""
        subprocess.run(
            ["apt-get", *self.options, "install", "-qq", "-y", "--download-only", *packages],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return sorted({deb.name.partition("_")[0] for deb in self.archives.glob("*.deb")})

    def index(self, suite: str) -> Tuple[str, str]:
        """The packages of a suite, and what its InRelease says."""
        lists = self.root / "lists"
        packages = next(lists.glob(f"*_dists_{suite}_main_binary-{ARCHITECTURE}_Packages"))
        return packages.read_text(encoding="utf-8"), next(lists.glob(f"*_dists_{suite}_InRelease")).read_text()

    def stanza_of(self, name: str) -> str:
        """What the newest suite says of a package."""
        done = subprocess.run(
            ["apt-cache", *self.options, "show", "--no-all-versions", name], check=True, capture_output=True, text=True
        )
        return done.stdout.strip("\n")


def _rebuilt(deb: Path, scratch: Path) -> Path:
    """The same package with a higher version."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    subprocess.run(["dpkg-deb", "-R", str(deb), str(scratch / "tree")], check=True)
    control = scratch / "tree/DEBIAN/control"
    version = field(control.read_text(), "Version")
    control.write_text(control.read_text().replace(f"Version: {version}\n", f"Version: {version}+bench1\n"))
    target = scratch / f"{CHANGED}_{version}+bench1_{ARCHITECTURE}.deb"
    subprocess.run(
        ["dpkg-deb", "-Zxz", "--root-owner-group", "-b", str(scratch / "tree"), str(target)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return target


def _with_rebuilt(text: str, rebuilt: Path, apt: PrivateApt) -> str:
    data = rebuilt.read_bytes()
    stanza = apt.stanza_of(CHANGED)
    values = {
        "Version": rebuilt.name.split("_")[1],
        "Filename": f"pool/main/h/{CHANGED}/{rebuilt.name}",
        "Size": str(len(data)),
        "MD5sum": hashlib.md5(data).hexdigest(),
        "SHA256": hashlib.sha256(data).hexdigest(),
    }
    for name, value in values.items():
        stanza = re.sub(rf"^{name}: .*$", f"{name}: {value}", stanza, flags=re.MULTILINE)
    kept = [one for one in text.split("\n\n") if one.strip() and field(one, "Package") != CHANGED]
    return "\n\n".join([*kept, stanza]) + "\n\n"


def write_suite(folder: Path, text: str, told: str, key: SigningKey) -> None:
    place = folder / f"main/binary-{ARCHITECTURE}"
    (place / "by-hash/SHA256").mkdir(parents=True)
    raw = text.encode()
    forms = {
        "Packages": raw,
        "Packages.xz": lzma.compress(raw, preset=3),
        "Packages.gz": gzip.compress(raw, 6, mtime=0),
    }
    sums: Dict[str, List[str]] = {"md5": [], "sha256": []}
    for name, data in forms.items():
        (place / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        os.link(place / name, place / "by-hash/SHA256" / digest)
        for kind, lines in sums.items():
            lines.append(f" {hashlib.new(kind, data).hexdigest()} {len(data)} main/binary-{ARCHITECTURE}/{name}")
    head = [line for line in told.splitlines() if _KEPT.match(line)]
    date = email.utils.formatdate(usegmt=True).replace("GMT", "UTC")
    head += [f"Date: {date}", f"Architectures: {ARCHITECTURE}", "Components: main"]
    release = "\n".join([*head, "MD5Sum:", *sums["md5"], "SHA256:", *sums["sha256"]]) + "\n"
    (folder / "Release").write_text(release)
    moment = key.created
    (folder / "InRelease").write_bytes(key.sign(release.encode(), clear=True, moment=moment))
    (folder / "Release.gpg").write_bytes(key.sign(release.encode(), clear=False, moment=moment))


def _link_pool(base: Path, text: str, debs: Dict[str, Path]) -> None:
    for stanza in text.split("\n\n"):
        if stanza.strip():
            name = "_".join(field(stanza, part) for part in ("Package", "Version", "Architecture")) + ".deb"
            target = base / field(stanza, "Filename")
            if name in debs and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(debs[name], target)


def field(stanza: str, name: str) -> str:
    found = re.search(rf"^{name}: (.*)$", stanza, re.MULTILINE)
    return found.group(1) if found else ""
