# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What the mirror benchmark compares: each tool as its users run it, from nothing to a repository that apt accepts.

debmirror, apt-mirror2 and reprepro cannot compute a closure; they get its names as a present.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List

from mirror_upstream import ARCHITECTURE, PACKAGES, RELEASE, Archive, Frozen

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Place:
    """Where a tool works, and what it works on."""

    folder: Path
    url: str
    upstream: Frozen
    keyring: Path  # of the archive, binary
    home: Path  # GnuPG home with the key that signs what is published
    signer: str

    def base(self, archive: Archive) -> str:
        return f"{self.url}/cur/{archive.name}"


@dataclass(frozen=True)
class Tool:
    """`prepare` writes the configuration, `first` and `again` are what is measured."""

    name: str
    prepare: Callable[[Place], None]
    first: Callable[[Place], str]
    again: Callable[[Place], str]


def _suites(place: Place) -> List[tuple[Archive, str]]:
    return [(archive, suite) for archive in place.upstream.archives for suite in archive.suites]


# --- this collection ------------------------------------------------------------------------------------------------------------
def _engine_prepare(place: Place) -> None:
    key = place.keyring.with_suffix(".asc").read_text()
    sources = [
        {"uri": place.base(archive), "suites": list(archive.suites), "components": ["main"], "signed_by": key}
        for archive in place.upstream.archives
    ]
    apt = {"name": "debian-12", "release": RELEASE, "architecture": ARCHITECTURE, "packages": list(PACKAGES)}
    bom = {"name": "bench", "apt": [{**apt, "sources": sources}]}
    (place.folder / "bom.json").write_text(json.dumps(bom))


def _engine(place: Place) -> str:
    return f"{sys.executable} {HERE}/mirror_engine.py {place.folder} {place.home}"


# --- aptly ----------------------------------------------------------------------------------------------------------------------
def _aptly_prepare(place: Place) -> None:
    settings = {
        "rootDir": str(place.folder / "root"),
        "architectures": [ARCHITECTURE],
        "gpgProvider": "gpg",
        "dependencyFollowRecommends": False,
    }
    (place.folder / "aptly.conf").write_text(json.dumps(settings))


def _aptly(place: Place, number: int) -> List[str]:
    names = [f"mirror-{suite}" for _archive, suite in _suites(place)]
    aptly = f"aptly -config={place.folder}/aptly.conf"
    trust = f"-keyring={place.keyring}"
    lines = [f"{aptly} mirror update {trust} {name}" for name in names]
    lines += [f"{aptly} snapshot create {name}-{number} from mirror {name}" for name in names]
    lines.append(f"{aptly} snapshot merge -latest all-{number} {' '.join(f'{name}-{number}' for name in names)}")
    return lines


def _aptly_first(place: Place) -> str:
    aptly = f"aptly -config={place.folder}/aptly.conf"
    wanted = " | ".join(PACKAGES)
    lines = [f"export GNUPGHOME={place.home}"]
    for archive, suite in _suites(place):
        lines.append(
            f"{aptly} mirror create -keyring={place.keyring} -architectures={ARCHITECTURE} -filter='{wanted}' -filter-with-deps "
            f"mirror-{suite} {place.base(archive)}/ {suite} main"
        )
    lines += _aptly(place, 1)
    lines.append(
        f"{aptly} publish snapshot -batch -skip-contents -gpg-key={place.signer} -distribution={RELEASE} -architectures={ARCHITECTURE} all-1"
    )
    return "\n".join(lines)


def _aptly_again(place: Place) -> str:
    counter = place.folder / "runs"
    number = int(counter.read_text()) + 1 if counter.exists() else 2
    counter.write_text(str(number))
    publish = f"publish switch -batch -skip-contents -gpg-key={place.signer} {RELEASE} all-{number}"
    lines = [f"export GNUPGHOME={place.home}", *_aptly(place, number)]
    return "\n".join([*lines, f"aptly -config={place.folder}/aptly.conf {publish}"])


# --- debmirror ------------------------------------------------------------------------------------------------------------------
def _debmirror(place: Place) -> str:
    include = "/(" + "|".join(name.replace("+", "\\+").replace(".", "\\.") for name in place.upstream.names) + ")_"
    port = place.url.rsplit(":", 1)[1]
    lines = []
    for archive in place.upstream.archives:
        lines.append(
            f"debmirror --method=http --host=127.0.0.1:{port} --root=cur/{archive.name} --dist={','.join(archive.suites)} --section=main "
            f"--arch={ARCHITECTURE} --nosource --diff=none --rsync-extra=none --exclude='.*' --include='{include}' "
            f"--keyring={place.keyring} {place.folder}/{archive.name}"
        )
    return "\n".join(lines)


# --- apt-mirror2 ----------------------------------------------------------------------------------------------------------------
def _apt_mirror_prepare(place: Place) -> None:
    """In an environment of its own: what it depends on does not go with the tests' packages."""
    if not (place.folder.parent / "apt-mirror-venv/bin/apt-mirror").exists():
        venv = place.folder.parent / "apt-mirror-venv"
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        subprocess.run([str(venv / "bin/pip"), "install", "--quiet", "apt-mirror"], check=True)
    lines = [f"set base_path {place.folder}/base", "set nthreads 8", "set _autoclean 1", "set limit_rate 1000m"]
    for archive, suite in _suites(place):
        lines.append(f"deb [arch={ARCHITECTURE} signed-by={place.keyring}] {place.base(archive)} {suite} main")
    lines += [
        f"include_binary_packages {place.base(archive)} {' '.join(place.upstream.names)}"
        for archive in place.upstream.archives
    ]
    (place.folder / "mirror.list").write_text("\n".join(lines) + "\n")


def _apt_mirror(place: Place) -> str:
    return f"{place.folder.parent}/apt-mirror-venv/bin/apt-mirror {place.folder}/mirror.list"


# --- reprepro -------------------------------------------------------------------------------------------------------------------
def _reprepro_prepare(place: Place) -> None:
    conf = place.folder / "conf"
    conf.mkdir()
    rules = [f"from-{suite}" for _archive, suite in _suites(place)]
    distribution = {
        "Codename": RELEASE,
        "Architectures": ARCHITECTURE,
        "Components": "main",
        "SignWith": place.signer,
        "Update": " ".join(rules),
    }
    (conf / "distributions").write_text(_fields(distribution))
    updates = []
    for archive, suite in _suites(place):
        update = {
            "Name": f"from-{suite}",
            "Method": place.base(archive),
            "Suite": suite,
            "Components": "main",
            "Architectures": ARCHITECTURE,
            "VerifyRelease": place.upstream.key.fingerprint[-16:],
            "FilterList": "purge names",
        }
        updates.append(_fields(update))
    (conf / "updates").write_text("\n".join(updates))
    (conf / "names").write_text("".join(f"{name} install\n" for name in place.upstream.names))


def _fields(values: Dict[str, str]) -> str:
    return "".join(f"{name}: {value}\n" for name, value in values.items())


def _reprepro(place: Place) -> str:
    return f"export GNUPGHOME={place.home}\nreprepro --basedir {place.folder} --noskipold update"


# --- apt, curl, apt-ftparchive ---------------------------------------------------------------------------------------------------
def _curl_prepare(place: Place) -> None:
    for name in ("lists/partial", "archives/partial", "etc", "pool", "dists/main"):
        (place.folder / name).mkdir(parents=True)
    (place.folder / "status").write_text("")
    lines = [f"deb [signed-by={place.keyring}] {place.base(archive)} {suite} main" for archive, suite in _suites(place)]
    (place.folder / "etc/sources.list").write_text("\n".join(lines) + "\n")


def _curl(place: Place) -> str:
    folder = place.folder
    options = {
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder,
        "Dir::Cache::Archives": folder / "archives",
        "Dir::State::status": folder / "status",
        "Dir::Etc::SourceList": folder / "etc/sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "APT::Architecture": ARCHITECTURE,
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Acquire::ForceHash": "SHA256",
    }
    apt = "apt-get " + " ".join(f"-o {name}={value}" for name, value in options.items())
    return f"""
        {apt} update -qq
        {apt} install -y --print-uris {" ".join(PACKAGES)} | sed -n "s/^'\\([^']*\\)' \\([^ ]*\\) .*SHA256:\\(.*\\)$/\\1 \\2 \\3/p" > {folder}/uris
        cd {folder}/pool
        while read -r url name digest; do [ -e "$name" ] || printf 'url = "%s"\\noutput = "%s"\\n' "$url" "$name"; done < ../uris > ../wanted
        [ ! -s ../wanted ] || curl --silent --fail --parallel --parallel-max 8 --config ../wanted
        while read -r url name digest; do printf '%s  %s\\n' "$digest" "$name"; done < ../uris | sha256sum --check --quiet
        cd {folder}
        apt-ftparchive --db db.sqlite -o APT::FTPArchive::MD5=0 -o APT::FTPArchive::SHA1=0 -o APT::FTPArchive::SHA512=0 packages pool > dists/Packages
        apt-ftparchive release dists > Release
        gpg --homedir {place.home} --batch --yes --local-user {place.signer} --clear-sign --output dists/InRelease Release
    """


def _nothing(_place: Place) -> None:
    """No configuration."""


TOOLS = (
    Tool("fieldops.mattermost", _engine_prepare, _engine, _engine),
    Tool("aptly (skip-contents)", _aptly_prepare, _aptly_first, _aptly_again),
    Tool("debmirror", _nothing, _debmirror, _debmirror),
    Tool("apt-mirror2", _apt_mirror_prepare, _apt_mirror, _apt_mirror),
    Tool("reprepro", _reprepro_prepare, _reprepro, _reprepro),
    Tool("apt, curl x8, apt-ftparchive", _curl_prepare, _curl, _curl),
)
