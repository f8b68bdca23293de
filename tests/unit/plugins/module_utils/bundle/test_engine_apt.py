# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt repositories of a bundle, from upstream to what apt says of the depot: several releases, architectures and vendors."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.resolve import make_lock
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import apt_judge, apt_proof
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_judge import Apt
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

judged = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt is the judge")


def held(result: Any, group: str = "debian-12") -> Dict[str, str]:
    items = [item for item in result.lock.items if (item.kind, item.group) == ("apt", group)]
    return {item.name: f"{item.version} {item.architecture}" for item in items}


def source(side: Side, *suites: str, **more: Any) -> Dict[str, Any]:
    key = side.top / "archive.asc"
    key.write_bytes(side.keys["archive"].public_key())
    return {
        "uri": f"{side.web.url}/debian",
        "suites": list(suites),
        "components": ["main"],
        "signed_by": str(key),
        **more,
    }


def depot_apt(side: Side, root: Path, name: str, architecture: str = "amd64") -> Apt:
    """apt on the isolated side, whose only source is the depot."""
    current = side.top / "depot/current"
    where = f"[signed-by={current}/depot-key.asc] file:{current}/apt/{name} {name} main"
    return Apt(str(root), sources=f"deb {where}\ndeb-src {where}\n", architecture=architecture)


@judged
def test_several_releases_and_architectures_in_one_bundle(side: Side, tmp_path: Path) -> None:
    up = side.upstream
    up.architectures = ("amd64", "arm64")
    up.add_suite("trixie")
    for architecture in up.architectures:
        up.add("app", "1.0", architecture=architecture, Depends="lib, data")
        up.add("app", "2.0", architecture=architecture, suite="trixie")
        up.add("lib", f"1.{len(architecture)}", architecture=architecture)
    up.add("data", architecture="all")
    own = [source(side, "bookworm")]
    side.bom["apt"] = [
        side.apt("app", sources=own),
        side.apt("app", name="debian-12-arm64", architecture="arm64", sources=own),
        side.apt("app", name="debian-13", release="trixie", sources=[source(side, "trixie")]),
    ]
    up.publish()
    result = side.lock()
    assert held(result) == {"app": "1.0 amd64", "data": "1.0 all", "lib": "1.5 amd64"}
    assert held(result, "debian-12-arm64") == {"app": "1.0 arm64", "data": "1.0 all", "lib": "1.5 arm64"}
    assert held(result, "debian-13") == {"app": "2.0 amd64"}
    assert result.proved == [
        "debian-12: apt installs 3 packages on an empty target.",
        "debian-12-arm64: apt installs 3 packages on an empty target.",
        "debian-13: apt installs 1 packages on an empty target.",
    ]
    side.pack()
    side.publish()
    for name, architecture, count in (
        ("debian-12", "amd64", 3),
        ("debian-12-arm64", "arm64", 3),
        ("debian-13", "amd64", 1),
    ):
        apt = depot_apt(side, tmp_path / name, name, architecture)
        apt.run("update")
        assert len(apt.install(["app"])[0]) == count


def test_backports_are_taken_where_they_are_wanted(side: Side) -> None:
    up = side.upstream
    up.add_suite("bookworm-backports", NotAutomatic="yes", ButAutomaticUpgrades="yes", Suite="stable-backports")
    up.add("app", "1.0", Depends="lib")
    up.add("lib", "1.0")
    for name in ("app", "lib", "new"):
        up.add(name, "9.0", suite="bookworm-backports")
    up.publish()
    side.bom["apt"] = [side.apt("app", "new", sources=["host", source(side, "bookworm-backports")])]
    assert held(side.lock()) == {"app": "1.0 amd64", "lib": "1.0 amd64", "new": "9.0 amd64"}
    side.bom["apt"][0]["pins"] = [{"package": "app", "pin": "release n=bookworm-backports", "priority": 990}]
    assert held(side.lock()) == {"app": "9.0 amd64", "new": "9.0 amd64"}
    side.bom["apt"][0]["pins"] = [{"package": "*", "pin": "origin 127.0.0.1", "priority": -1}]
    with pytest.raises(BundleError, match=r"No suite has a package named app"):
        side.lock()


def test_a_vendor_with_its_own_key_and_a_plain_directory(side: Side) -> None:
    """A source whose suite ends with a slash has neither dists nor components."""
    up = side.upstream
    up.add("lib")
    up.add_suite("vendor")
    up.add("tool", suite="vendor", Depends="lib")
    up.publish()
    up.key = side.keys["stranger"]
    base = up.root / "flat"
    base.mkdir()
    packages = (up.root / "debian/dists/vendor/main/binary-amd64/Packages").read_bytes()
    (base / "Packages").write_bytes(packages.replace(b"pool/main", b"./pool"))
    import hashlib

    digest = hashlib.sha256((base / "Packages").read_bytes()).hexdigest()
    release = f"Origin: Vendor\nDate: Thu, 01 Jan 2015 00:00:00 UTC\nSHA256:\n {digest} {(base / 'Packages').stat().st_size} Packages\n"
    up.sign(base, release.encode(), int(side.now), False)
    (base / "pool").mkdir()
    for file in (up.root / "debian/pool/main").iterdir():
        (base / "pool" / file.name).write_bytes(file.read_bytes())
    row = {"uri": f"{side.web.url}/flat", "suites": ["./"], "signed_by": side.keys["stranger"].public_key().decode()}
    side.bom["apt"] = [side.apt("tool", sources=["host", row])]
    result = side.lock()
    assert held(result) == {"lib": "1.0 amd64", "tool": "1.0 amd64"}
    side.pack()
    assert side.publish().changed
    side.bom["apt"] = [side.apt("tool", sources=["host", {**row, "signed_by": str(side.top / "archive.asc")}])]
    (side.top / "archive.asc").write_bytes(side.keys["archive"].public_key())
    with pytest.raises(BundleError, match=r"/flat \./.* is not good for any key of"):
        side.lock()


def test_an_update_for_security_is_marked(side: Side) -> None:
    side.upstream.add("app", Depends="lib")
    side.upstream.add("lib")
    side.upstream.publish()
    assert not any(change.security for change in side.lock().changes)
    side.upstream.add("app", "1.1", suite="bookworm-security", Depends="lib")
    side.upstream.add("app", "1.1", Depends="lib")
    side.upstream.add("lib", "2.0")
    side.upstream.publish()
    result = side.lock(now=side.now + 60)
    assert {change.name: change.security for change in result.changes} == {"app": True, "lib": False}
    assert result.lock.items[0].proof.startswith("listed by bookworm and bookworm-security, release ")
    assert [item.security for item in result.lock.items] == [True, False]


# Sources and recommendations ------------------------------------------------------------------------------------------


def with_sources(side: Side) -> Dict[str, Any]:
    up = side.upstream
    up.add("app", "1.0-1+b1", Source="app (1.0-1)", Depends="lib, lib-data", Recommends="nice")
    up.add("lib", "2.0", Source="libs")
    up.add("lib-data", "2.0", Source="libs")
    up.add("nice")
    for name, version in (("app", "1.0-1"), ("libs", "1.9"), ("libs", "2.0"), ("nice", "1.0")):
        up.add_source(name, version)
    up.publish()
    side.bom["apt"] = [side.apt("app", recommends=True, source_packages=True)]
    return side.bom["apt"][0]


@judged
def test_the_sources_of_what_is_carried(side: Side, tmp_path: Path) -> None:
    with_sources(side)
    result = side.lock()
    assert sorted(held(result)) == ["app", "lib", "lib-data", "nice"]
    sources = {item.name: (item.version, item.why) for item in result.lock.items if item.kind == "apt_source"}
    assert sorted(sources) == [
        "app_1.0-1.dsc",
        "app_1.0-1.tar.xz",
        "libs_2.0.dsc",
        "libs_2.0.tar.xz",
        "nice_1.0.dsc",
        "nice_1.0.tar.xz",
    ]
    assert sources["libs_2.0.dsc"] == ("2.0", "lib")
    assert result.lock.explain("libs_2.0.dsc")[0]["chain"] == ["app", "lib", "libs_2.0.dsc"]
    side.pack()
    published = side.publish()
    assert published.changed
    apt = depot_apt(side, tmp_path / "apt", "debian-12")
    status, said = apt.run("update", "--error-on=any")
    assert status == 0, said
    status, said = apt.run("--print-uris", "source", "app")
    assert status == 0 and "/apt/debian-12/pool/source/app_1.0-1.tar.xz" in said, said
    assert len(apt.install(["app"])[0]) == 3, "recommendations are there, but this target does not want them"
    assert not side.lock().changed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("absent", r"no suite has the source app 1.0-1 of app. Take source_packages out of the BOM"),
        ("no index", r"no suite has the source app 1.0-1"),
        ("unusable", r"the index of sources describes no usable files for app"),
    ],
)
def test_sources_that_are_not_there(side: Side, change: str, said: str) -> None:
    with_sources(side)
    rows = side.upstream.sources["bookworm"]
    if change == "absent":
        rows.pop(0)
    elif change == "no index":
        side.upstream.sources.clear()
    else:
        rows[0] = rows[0].replace(".dsc", "/../../x")
    side.upstream.publish()
    with pytest.raises(BundleError, match=said):
        side.lock()


# What the targets have ------------------------------------------------------------------------------------------------


@judged
def test_what_targets_have_is_left_out(side: Side) -> None:
    side.upstream.add("app", Depends="libc (>= 2), lsb")
    side.upstream.add("libc", "2.1")
    side.upstream.add("lsb")
    side.upstream.add("sysv", Provides="lsb")
    side.upstream.publish()
    side.bom["apt"] = [side.apt("app", installed=["libc 2.0", "sysv 0.9"])]
    result = side.lock()
    assert held(result) == {"app": "1.0 amd64"}
    assert result.proved == ["debian-12: apt installs 1 packages on a target with 2 packages."]
    listing = side.top / "target.status"
    listing.write_text("libc 1.0\nsysv 0.9\n")
    side.bom["apt"] = [side.apt("app", installed=[str(listing)])]
    assert held(side.lock()) == {"app": "1.0 amd64", "libc": "2.1 amd64"}
    assert not side.lock().changed
    listing.write_text("libc 2.0\nsysv 0.9\n")
    assert held(side.lock()) == {"app": "1.0 amd64"}, "another state of the target is another question"


# The proof ------------------------------------------------------------------------------------------------------------


def test_what_apt_refuses_is_no_lock(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    if not apt_judge.is_at_hand():
        pytest.skip("apt is the judge")
    side.upstream.add("app", Depends="lib, other")
    side.upstream.add("lib", Conflicts="other")
    side.upstream.add("other")
    side.upstream.add("fine")
    side.upstream.publish()
    side.bom["apt"] = [side.apt("fine", "app")]
    with pytest.raises(BundleError) as caught:
        side.lock()
    said = str(caught.value)
    assert said.startswith("apt repository debian-12: apt cannot install app from what the lock names. It says: ")
    assert "unmet dependencies: app : Depends: " in said and "\n" not in said
    assert not Path(side.lock_path).exists()
    locked = make_lock(
        Bom.parse(side.bom), path=side.lock_path, store=side.store, host=side.host, now=side.now, prove="never"
    )
    assert locked.changed and locked.proved == []


@judged
def test_packages_for_different_hosts_are_proved_one_by_one(side: Side) -> None:
    side.upstream.add("chrony", Conflicts="time-daemon", Provides="time-daemon")
    side.upstream.add("ntp", Conflicts="time-daemon", Provides="time-daemon")
    side.upstream.add("app", Depends="excluded (>= 1)")
    side.upstream.add("excluded", Depends="nothing")
    side.upstream.publish()
    side.bom["apt"] = [side.apt("chrony", "ntp", "app", exclude=["excluded"])]
    result = side.lock()
    assert result.warnings == ["chrony and ntp cannot be installed on the same host."]
    assert result.proved == ["debian-12: apt installs 3 packages on an empty target."]


def test_no_apt_to_ask(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt_proof, "is_at_hand", lambda: False)
    side.upstream.add("app")
    side.upstream.publish()
    bom = Bom.parse(side.bom)
    given = {"path": side.lock_path, "store": side.store, "host": side.host, "now": side.now}
    with pytest.raises(
        BundleError, match=r"apt is to prove the lock \(prove: always\), but this machine has no apt-get"
    ):
        make_lock(bom, prove="always", **given)
    result = make_lock(bom, prove="auto", **given)
    assert result.changed and result.proved == []
    assert len(result.warnings) == 1 and result.warnings[0].startswith(
        "Nobody proved that the apt packages of this lock can be installed, as this machine has no apt-get."
    )
    Path(side.lock_path).unlink()
    assert make_lock(bom, prove="never", **given).warnings == [], "who wants no proof is not told that there is none"
    side.bom["apt"] = []
    side.bom["files"] = [side.file("x", b"x")]
    assert make_lock(Bom.parse(side.bom), prove="auto", **given).warnings == [], "files need no proof"


def fake_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Apt:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/apt-get").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bin/apt-get").chmod(0o755)
    monkeypatch.setattr(apt_judge, "PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return Apt(str(tmp_path / "root"), sources="", architecture="amd64")


def test_an_apt_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = fake_apt(tmp_path, monkeypatch, "echo 'W: noise'; echo 'E: The index is odd.'; exit 100")
    with pytest.raises(BundleError, match=r"^apt cannot read the index: E: The index is odd\.$"):
        apt.update()
    assert apt.install(["x"]) == ({}, "E: The index is odd")
    monkeypatch.setattr(apt_judge, "_PATIENCE", 0.05)
    (tmp_path / "bin/apt-get").write_text("#!/bin/sh\nexec sleep 5\n")
    with pytest.raises(BundleError, match=r"apt-get update did not end within 0.05 seconds"):
        apt.update()


# Why ------------------------------------------------------------------------------------------------------------------


def test_why_something_is_here(side: Side) -> None:
    side.upstream.add("app", Depends="mid")
    side.upstream.add("mid", Depends="lib")
    side.upstream.add("lib")
    side.bom["files"] = [side.file("x", b"data")]
    side.upstream.publish()
    lock = side.lock().lock
    told: List[Any] = [lock.explain(name)[0] for name in ("lib", "app", "x", "none")]
    assert [row["text"] for row in told] == [
        "app -> mid -> lib (debian-12)",
        "app (debian-12) is named by the BOM",
        "x is named by the BOM",
        "none is not in the lock",
    ]
    assert told[0] == {
        "name": "lib",
        "kind": "apt",
        "group": "debian-12",
        "chain": ["app", "mid", "lib"],
        "text": "app -> mid -> lib (debian-12)",
    }
