# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rpm packages on their whole way: from a repository made with the real tools to a host that dnf installs from the depot."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import prove, rpmkeys
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot import Depot
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring, SigningKey
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.rpm_repomd import read_repomd
from ansible_collections.fieldops.mattermost.tests.unit import yum_upstream
from ansible_collections.fieldops.mattermost.tests.unit.upstream import NOW, Side
from ansible_collections.fieldops.mattermost.tests.unit.yum_upstream import MODULES, UPDATES, Host, YumUpstream

pytestmark = pytest.mark.skipif(bool(yum_upstream.ABSENT), reason=yum_upstream.WHY_NOT)


def pack(side: Side, yum: YumUpstream, *packages: str, called: str = "site", **more: Any) -> Path:
    """As far as the medium."""
    side.bom = {**yum_upstream.bom(yum, side.web.url, *packages, **more), "name": called}
    side.lock()
    side.pack()
    return Path(side.output) / called / "volume-001"


def bundle(side: Side, yum: YumUpstream, *packages: str, prove: str = "never", **more: Any) -> Path:
    """All the way to a published repository."""
    side.publish(pack(side, yum, *packages, **more), prove=prove)
    return side.top / "depot/current/rpm/el-9"


def host(side: Side, repository: Path, name: str = "host", **more: Any) -> Host:
    keys = [str(repository / "RPM-GPG-KEYS"), str(side.top / "depot/current/depot-key.asc")]
    told = {"keys": keys, "release": "9", "architecture": "x86_64", **more}
    return Host(str(side.top / name), str(repository), **told)


def refused(side: Side, yum: YumUpstream, *packages: str) -> str:
    with pytest.raises(BundleError) as caught:
        pack(side, yum, *packages)
    assert not (Path(side.output) / "site/volume-001/root.json").exists()
    return str(caught.value)


def tree(path: Path) -> Dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_dnf_installs_from_the_depot_what_the_bom_names(side: Side, yum: YumUpstream) -> None:
    yum.add("app", "1.0", "Requires: lib >= 1.5, /usr/share/tool/about, (extra if lib)", "Recommends: weak")
    yum.add("lib", "1.4", "Epoch: 3")
    yum.add("lib", "1.6", "Epoch: 2")
    for name in ("tool", "extra", "weak", "unrelated"):
        yum.add(name)
    yum.publish()
    repository = bundle(side, yum, "app", prove="always")
    installed = host(side, repository).install("app")
    assert installed == ["app-1.0-1.noarch", "extra-1.0-1.noarch", "lib-3:1.4-1.noarch", "tool-1.0-1.noarch"]
    assert sorted(path.name for path in (repository / "packages").iterdir()) == [
        "app-1.0-1.noarch.rpm",
        "extra-1.0-1.noarch.rpm",
        "lib-1.4-1.noarch.rpm",
        "tool-1.0-1.noarch.rpm",
    ]
    manifest = json.loads((side.top / "depot/current/manifest.json").read_bytes())
    row = next(row for row in manifest["repositories"] if row["path"] == "rpm/el-9")
    assert (row["name"], row["release"], row["architecture"], row["packages"]) == ("el-9", "9", "x86_64", 4)
    assert (row["gpgcheck"], row["keys"]) == (True, "rpm/el-9/RPM-GPG-KEYS")
    assert manifest["proofs"][0]["proven"], manifest["proofs"]
    assert manifest["proofs"][0]["told"] == "dnf would install 1 named and at most 3 other packages"


def test_metadata_is_upstreams_word_for_word(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish(updateinfo=UPDATES)
    repository = bundle(side, yum, "app")
    ours = read_repomd((repository / "repodata/repomd.xml").read_bytes(), where="ours")
    assert sorted(ours.files) == ["filelists", "other", "primary", "updateinfo"]
    for kind in ("primary", "filelists", "other"):
        theirs = gzip.decompress(yum.metadata(kind).read_bytes()).decode()
        told = gzip.decompress((repository / ours.files[kind].href).read_bytes()).decode()
        start, end = theirs.index("<package "), theirs.index("</package>")
        assert theirs[start:end].replace("Packages/app", "packages/app") in told
    target = host(side, repository)
    target.install("app")
    listing = target.run("updateinfo", "list", "--installed")[1]
    assert "EX-1" in listing
    assert "EX-2" not in listing
    keys = Keyring.from_files([str(side.top / "depot/current/depot-key.asc")])
    for name in ("repodata/repomd.xml", "RPM-GPG-KEYS"):
        path = repository / name
        assert keys.verify_detached(path.read_bytes(), Path(f"{path}.asc").read_bytes(), what=name)


def test_modules_reach_the_host(side: Side, yum: YumUpstream) -> None:
    for version in ("1", "2"):
        yum.add("tool", version)
    yum.publish(modules="".join(MODULES.format(stream=stream) for stream in ("1", "2")))
    repository = bundle(side, yum, "tool", modules=["tool:1"])
    target = host(side, repository, platform="platform:el9")
    target.refused("install", "tool")  # no stream is the default one
    assert target.run("module", "enable", "tool:1")[0] == 0
    assert target.install("tool") == ["tool-1-1.noarch"]


def test_a_second_go_changes_nothing_and_an_update_only_what_it_is_about(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.add("lib")
    yum.publish()
    repository = bundle(side, yum, "app", "lib")
    before = tree(side.top / "depot/current/rpm")
    side.web.requests.clear()
    assert not side.lock().changed
    assert not side.pack().changed
    assert not side.publish().changed
    assert side.web.paths() == ["/yum/repodata/repomd.xml"]

    old = read_repomd(before["el-9/repodata/repomd.xml"], where="before")
    yum.add("app", "1.1")
    yum.publish(revision=1_700_000_001)
    side.lock(now=NOW + 60)
    assert side.pack().objects_fetched < 8  # the package and indexes
    side.publish()
    fresh = read_repomd((repository / "repodata/repomd.xml").read_bytes(), where="after")
    assert fresh.revision > old.revision
    assert all((repository / told.href).is_file() for told in old.files.values())  # for who read repomd.xml before
    assert host(side, repository).install("app") == ["app-1.1-1.noarch"]


def test_a_repository_is_taken_over_when_only_other_things_change(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    files = [side.file("notes.txt", b"notes")]
    side.bom = {"name": "site", "files": files}
    side.lock()
    side.pack()
    side.publish()  # a generation without any rpm repository
    side.bom = {**yum_upstream.bom(yum, side.web.url, "app"), "files": files}
    side.lock(now=NOW + 60)
    side.pack()
    side.publish()
    repomd = side.top / "depot/current/rpm/el-9/repodata/repomd.xml"
    before = repomd.stat()
    side.bom["files"] = [*files, side.file("more.txt", b"more")]
    side.lock(now=NOW + 120)
    side.pack()
    assert side.publish().changed
    assert repomd.stat().st_ino == before.st_ino


def test_the_same_lock_and_key_give_the_same_repository(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    first = tree(bundle(side, yum, "app"))
    depot = Depot(str(side.top / "another-depot"), key=side.keys["depot"], prove="never")
    depot.publish([str(side.volume)], side.ring, now=side.now)
    assert tree(side.top / "another-depot/current/rpm/el-9") == first


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.unlink()  # it is a link into the store
    path.write_bytes(data)


def test_dnf_refuses_what_was_changed_on_the_depot(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    repository = bundle(side, yum, "app")
    package = repository / "packages/app-1.0-1.noarch.rpm"
    good = package.read_bytes()
    damage(package)
    assert "incorrect checksum" in host(side, repository, "changed-package").refused("install", "app")
    package.write_bytes(good)
    repomd = repository / "repodata/repomd.xml"
    text = repomd.read_bytes()
    repomd.write_bytes(text.replace(b"<revision>", b"<revision>9", 1))
    assert "GPG signature verification error" in host(side, repository, "changed-metadata").refused("install", "app")
    repomd.write_bytes(text)
    (repository / "repodata/repomd.xml.asc").unlink()
    host(side, repository, "unsigned-metadata").refused("install", "app")


def test_dnf_refuses_another_depot_and_another_vendor(
    side: Side, yum: YumUpstream, keys: Dict[str, SigningKey]
) -> None:
    yum.add("app")
    yum.publish()
    repository = bundle(side, yum, "app")
    stranger = side.top / "stranger.asc"
    stranger.write_bytes(keys["stranger"].public_key())
    vendors, depots = str(repository / "RPM-GPG-KEYS"), str(side.top / "depot/current/depot-key.asc")
    told = host(side, repository, "other-depot", keys=[vendors, str(stranger)]).refused("install", "app")
    assert "GPG signature verification error" in told
    told = host(side, repository, "other-vendor", keys=[depots, str(stranger)]).refused("install", "app")
    assert "GPG check FAILED" in told


def test_packages_without_the_vendors_signature_make_no_bundle(
    side: Side, yum: YumUpstream, keys: Dict[str, SigningKey]
) -> None:
    yum.add("app", "1.0", "Requires: lib, tool")
    yum.add("lib", signed_by=None)
    yum.add("tool", signed_by=keys["stranger"])
    yum.publish()
    lines = refused(side, yum, "app").splitlines()
    assert lines[0] == "rpm repository el-9: of 3 packages checked, 2 must not be used."
    assert lines[1] == "lib-1.0-1.noarch.rpm is not signed."
    assert lines[2].startswith("tool-1.0-1.noarch.rpm is signed by key ")
    assert lines[2].endswith(", which is none of those given.")
    damage(yum.add("app", "1.0", "Requires: lib, tool"))  # before it is indexed: the digests of the metadata are right
    yum.publish(revision=1_700_000_001)
    assert "app-1.0-1.noarch.rpm is damaged or was changed." in refused(side, yum, "app")


def test_packages_are_checked_once(side: Side, yum: YumUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: List[List[str]] = []
    check = rpmkeys.check

    def watched(paths: Dict[str, str], *rest: Any, **more: Any) -> None:
        checked.append(sorted(paths))
        check(paths, *rest, **more)

    monkeypatch.setattr(rpmkeys, "check", watched)
    yum.add("app")
    yum.publish()
    pack(side, yum, "app")
    side.pack()
    yum.add("lib")
    yum.publish(revision=1_700_000_001)
    pack(side, yum, "app", "lib")
    assert checked == [["app-1.0-1.noarch.rpm"], ["lib-1.0-1.noarch.rpm"]]
    state = Path(side.store) / "state/rpm-signatures.json"
    for odd in (b"no json", b"[]", b'{"good": 7}'):  # then they are read again, and nothing else happens
        state.write_bytes(odd)
        side.pack()
    assert checked[2:] == [["app-1.0-1.noarch.rpm", "lib-1.0-1.noarch.rpm"]] * 3


@pytest.mark.parametrize("absent", ["rpmkeys", "dnf"])
def test_a_depot_that_lacks_one_of_the_programs_proves_nothing(
    side: Side, yum: YumUpstream, monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    """Debian's dnf comes without rpmkeys, and would take packages for good that it cannot check."""
    yum.add("app")
    yum.publish()
    volume = pack(side, yum, "app")
    monkeypatch.setattr(prove.shutil, "which", lambda name: None if name == absent else f"/usr/bin/{name}")
    with pytest.raises(
        BundleError,
        match=rf"^rpm/el-9 cannot be proven: {absent} is not on this host. Install it, or prove what can be",
    ):
        side.publish(volume, prove="always")
    assert not (side.top / "depot/current").exists()
    (row,) = side.publish(volume, prove="auto").proofs
    assert (row["repository"], row["proven"], row["told"]) == ("rpm/el-9", False, f"{absent} is not on this host")


def test_without_rpmkeys_signatures_are_not_taken_for_granted(
    side: Side, yum: YumUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    yum.add("app")
    yum.publish()
    monkeypatch.setattr(rpmkeys.shutil, "which", lambda name: None if name == "rpmkeys" else f"/usr/bin/{name}")
    assert "install rpmkeys on this machine (Debian package rpm), or set gpgcheck to false" in refused(side, yum, "app")


def test_unsigned_packages_are_carried_when_the_bom_says_why(side: Side, yum: YumUpstream) -> None:
    yum.add("app", signed_by=None)
    yum.publish()
    repository = bundle(side, yum, "app", source={"gpgcheck": False, "reason": "the vendor signs metadata only"})
    assert (repository / "UNSIGNED").read_text() == "app-1.0-1.noarch.rpm: the vendor signs metadata only\n"
    assert "is not signed" in host(side, repository).refused("install", "app")
    assert host(side, repository, "trusting", gpgcheck=False).install("app") == ["app-1.0-1.noarch"]
    manifest = json.loads((side.top / "depot/current/manifest.json").read_bytes())
    assert not manifest["repositories"][0]["gpgcheck"]


def test_apt_and_rpm_side_by_side(side: Side, yum: YumUpstream) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    yum.add("app")
    yum.publish()
    secret = side.file("secret.txt", b"secret")
    policy = {"must_not_contain": ["secret.txt"], "on_violation": "withhold"}
    side.bom = {
        **yum_upstream.bom(yum, side.web.url, "app"),
        "apt": [side.apt("app")],
        "files": [secret],
        "policy": policy,
    }
    side.lock()
    side.pack()
    side.publish()
    manifest = json.loads((side.top / "depot/current/manifest.json").read_bytes())
    assert [row["path"] for row in manifest["repositories"]] == ["apt/debian-12", "rpm/el-9"]
    assert host(side, side.top / "depot/current/rpm/el-9").install("app") == ["app-1.0-1.noarch"]


def test_two_bundles_make_one_repository(side: Side, yum: YumUpstream) -> None:
    for name in ("app", "lib", "tool"):
        yum.add(name)
    yum.publish()
    first = pack(side, yum, "app", "lib")
    side.lock_path = str(side.top / "work/more.lock.json")
    second = pack(side, yum, "lib", "tool", called="more")
    side.publish(first, second)
    repository = side.top / "depot/current/rpm/el-9"
    assert len(host(side, repository).install("app", "lib", "tool")) == 3
    assert (repository / "RPM-GPG-KEYS").read_text().count("BEGIN PGP PUBLIC KEY BLOCK") == 1


def test_two_bundles_that_do_not_go_together(side: Side, yum: YumUpstream) -> None:
    yum.add("app")
    yum.publish()
    first = pack(side, yum, "app")
    side.lock_path = str(side.top / "work/more.lock.json")
    other = pack(side, yum, "app", called="more", release="8")
    with pytest.raises(BundleError, match="rpm repositories named el-9 for different releases or architectures"):
        side.publish(first, other)
    yum.add("app", "1.0", "Provides: another-build")
    yum.publish(revision=1_700_000_001)
    side.lock_path = str(side.top / "work/again.lock.json")
    again = pack(side, yum, "app", called="again")
    with pytest.raises(BundleError, match=r"Two bundles bring different packages as app-1.0-1.noarch.rpm for el-9"):
        side.publish(first, again)


def test_a_file_name_stands_for_one_package(side: Side, yum: YumUpstream) -> None:
    """Epochs are not in file names."""
    yum.add("app", "1.0", "Epoch: 1", folder="one")
    yum.add("app", "1.0", "Epoch: 2", folder="two")
    yum.publish()
    repository = bundle(side, yum, "app")
    assert host(side, repository).install("app") == ["app-2:1.0-1.noarch"]


def test_two_architectures_on_one_depot(side: Side, yum: YumUpstream) -> None:
    for architecture in ("x86_64", "aarch64"):
        yum.add("app", architecture=architecture)
    yum.publish()
    side.bom = yum_upstream.bom(yum, side.web.url, "app")
    side.bom["rpm"].append({**side.bom["rpm"][0], "name": "el-9-arm", "architecture": "aarch64"})
    side.lock()
    side.pack()
    side.publish()
    depot = side.top / "depot/current/rpm"
    assert host(side, depot / "el-9").install("app") == ["app-1.0-1.x86_64"]
    arm = host(side, depot / "el-9-arm", "arm", architecture="aarch64")
    assert arm.run("--downloadonly", "install", "app")[0] == 0
    assert {path.name for path in depot.rglob("*.rpm")} == {"app-1.0-1.x86_64.rpm", "app-1.0-1.aarch64.rpm"}
