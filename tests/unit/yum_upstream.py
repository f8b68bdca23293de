# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A yum repository made and signed with the real tools, and dnf on a host that has nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import textwrap
from pathlib import Path
from typing import Any, Dict, List, Sequence

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import SigningKey
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.dnf_judge import Dnf
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

TOOLS = {"rpmbuild": "rpm", "rpmsign": "rpm", "rpmkeys": "rpm", "createrepo_c": "createrepo-c", "dnf": "dnf"}
ABSENT = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
WHY_NOT = f"install the Debian packages {', '.join(ABSENT)} (tools/bootstrap does)"
EL = {"name": "el-9", "release": "9", "architecture": "x86_64"}

# An advisory of version 1.0 of the package app, and one of an older version.
UPDATES = """<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update type="security"><id>EX-1</id><pkglist><collection><package name="app" version="1.0" release="1" epoch="0"
    arch="noarch"><filename>app-1.0-1.noarch.rpm</filename></package></collection></pkglist></update>
  <update type="bugfix"><id>EX-2</id><pkglist><collection><package name="app" version="0.9" release="1" epoch="0"
    arch="noarch"><filename>app-0.9-1.noarch.rpm</filename></package></collection></pkglist></update>
</updates>
"""
MODULES = """---
document: modulemd
version: 2
data:
  name: tool
  stream: "{stream}"
  version: 1
  context: c0ffee
  arch: x86_64
  summary: A tool
  description: A tool
  license:
    module: [MIT]
  dependencies:
    - requires:
        platform: [el9]
  artifacts:
    rpms:
      - tool-0:{stream}-1.noarch
...
"""


def run(*argv: object) -> str:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Builder:
    """Builds packages, each once for all tests."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache

    def build(self, name: str, version: str, release: str, architecture: str, tags: Sequence[str]) -> Path:
        licence = next((tag[len("License: ") :] for tag in tags if tag.startswith("License: ")), "MIT")
        tags = [tag for tag in tags if not tag.startswith("License: ")]
        spec = textwrap.dedent(f"""\
            Name: {name}
            Version: {version}
            Release: {release}
            Summary: the package {name}
            License: {licence}
            {{tags}}
            %description
            The package {name} & its <friends>.
            %install
            mkdir -p %{{{{buildroot}}}}/usr/share/{name}
            echo {name} {version} > %{{{{buildroot}}}}/usr/share/{name}/about
            %files
            /usr/share/{name}
            %changelog
            * Mon Jan 01 2024 Somebody <somebody@example.com> - {version}-{release}
            - First
            """).format(tags="\n".join(tags))
        place = self.cache / hashlib.sha256(f"{architecture}\n{spec}".encode()).hexdigest()[:16]
        if not place.is_dir():
            top = self.cache / "top"
            (top / "SPECS").mkdir(parents=True, exist_ok=True)
            (top / "SPECS/one.spec").write_text(spec)
            defines = {
                "_topdir": top,
                "_rpmdir": place,
                "_build_id_links": "none",
                "use_source_date_epoch_as_buildtime": 1,
            }
            run("rpmbuild", "--quiet", "-bb", *defined(defines), "--target", architecture, top / "SPECS/one.spec")
        return next(place.glob("*/*.rpm"))

    def signed(self, built: Path, key: SigningKey) -> Path:
        place = built.parent / key.fingerprint / built.name
        if not place.exists():
            place.parent.mkdir()
            shutil.copyfile(built, place)
            defines = {"_gpg_name": key.fingerprint, "_gpg_path": key.home, "__gpg": shutil.which("gpg")}
            run("rpmsign", *defined(defines), "--addsign", place)
        return place


def defined(macros: Dict[str, Any]) -> List[str]:
    return [part for name, value in macros.items() for part in ("--define", f"{name} {value}")]


class YumUpstream:
    """A repository below the root of the web server. What is added is seen after publish()."""

    def __init__(self, root: Path, builder: Builder, key: SigningKey, name: str = "yum") -> None:
        self.base = root / name
        self.builder = builder
        self.key = key
        self.key_file = root.parent / f"{name}-key.asc"
        self.key_file.write_bytes(key.public_key())
        self.base.mkdir(parents=True)

    def add(
        self,
        name: str,
        version: str = "1.0",
        *tags: str,
        release: str = "1",
        architecture: str = "noarch",
        signed_by: Any = "us",
        folder: str = "Packages",
    ) -> Path:
        """A package with more lines for its spec, such as Requires. Signed by the repository's key, another, or nobody."""
        built = self.builder.build(name, version, release, architecture, tags)
        target = self.base / folder / built.name
        target.parent.mkdir(parents=True, exist_ok=True)
        key = self.key if signed_by == "us" else signed_by
        shutil.copyfile(self.builder.signed(built, key) if key is not None else built, target)
        return target

    def publish(self, *options: str, revision: int = 1_700_000_000, **more: str) -> None:
        """Index and sign. More are further kinds of metadata, such as updateinfo, by their content."""
        run("createrepo_c", "--quiet", "--no-database", "--revision", revision, "--set-timestamp-to-revision",
            "--general-compress-type", "gz", *options, self.base)  # fmt: skip
        for kind, content in more.items():
            place = self.base.parent / f"{kind}.{'yaml' if kind == 'modules' else 'xml'}"
            place.write_text(content)
            run("modifyrepo_c", "--compress-type", "gz", "--mdtype", kind, place, self.base / "repodata")
        self.sign()

    @property
    def repomd(self) -> Path:
        return self.base / "repodata/repomd.xml"

    def sign(self, key: Any = None) -> None:
        data = self.repomd.read_bytes()
        signature = (key or self.key).sign(data, clear=False, moment=0)
        self.repomd.with_suffix(".xml.asc").write_bytes(signature)

    def metadata(self, kind: str) -> Path:
        """The file that repomd.xml lists for a kind."""
        text = self.repomd.read_text()
        part = text[text.index(f'<data type="{kind}">') :]
        return self.base / part.split('location href="')[1].split('"')[0]

    def replace_metadata(self, kind: str, data: bytes, *, ending: str = ".gz") -> None:
        """Put other content into a metadata file, with a repomd.xml that vouches for it."""
        old = self.metadata(kind)
        fresh = old.with_name(f"other-{kind}.xml{ending}")
        fresh.write_bytes(data)
        text = self.repomd.read_text()
        start = text.index(f'<data type="{kind}">')
        end = text.index("</data>", start)
        entry = (
            f'<data type="{kind}"><checksum type="sha256">{hashlib.sha256(data).hexdigest()}</checksum>'
            f'<location href="repodata/{fresh.name}"/><size>{len(data)}</size>'
        )
        self.repomd.write_text(text[:start] + entry + text[end:])
        self.sign()


class Host(Dnf):
    """A host that has nothing but the depot for its source."""

    def install(self, *packages: str) -> List[str]:
        """What is on the host afterwards."""
        status, said = self.run("install", *packages)
        assert status == 0, said
        return self.installed()

    def refused(self, *words: str) -> str:
        status, said = self.run(*words)
        assert status != 0, said
        return said

    def installed(self) -> List[str]:
        argv = ["rpm", "--root", f"{self.root}/target", "--query", "--all", "--queryformat", "%{NEVRA}\\n"]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, env={**os.environ, "HOME": "/"})
        return sorted(line for line in done.stdout.split() if not line.startswith("gpg-pubkey"))


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(tmp_path_factory.mktemp("rpms"))


@pytest.fixture
def yum(side: Side, builder: Builder) -> YumUpstream:
    return YumUpstream(side.upstream.root, builder, side.keys["archive"])


def bom(yum: YumUpstream, url: str, *packages: str, source: Any = None, **more: Any) -> Dict[str, Any]:
    """A BOM with one rpm item."""
    told = {"baseurl": f"{url}/{yum.base.name}", "signed_by": str(yum.key_file), **(source or {})}
    return {"name": "site", "rpm": [{**EL, "packages": list(packages), "sources": [told], **more}]}
