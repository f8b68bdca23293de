# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rpm's own programs are asked, and how their answers are taken: rpmkeys about packages, dnf about repositories."""

from __future__ import annotations

import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import rpmkeys, yumrepo
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.depot_tree import Held, Tree
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.lock import Item, Lock, Repository
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import SigningKey, dearmor
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.publish import rpm
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import dnf_judge, rpm_dnf
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.store import Store
from ansible_collections.fieldops.mattermost.tests.unit import yum_upstream
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side
from ansible_collections.fieldops.mattermost.tests.unit.yum_upstream import Builder, YumUpstream

pytestmark = pytest.mark.skipif(bool(yum_upstream.ABSENT), reason=yum_upstream.WHY_NOT)


def packet(tag: int, body: bytes, *, form: str) -> bytes:
    """One OpenPGP packet, its length written in one of the ways there are."""
    size = len(body)
    heads = {
        "old 1": bytes([0x80 | tag << 2, size & 0xFF]),
        "old 2": bytes([0x81 | tag << 2]) + size.to_bytes(2, "big"),
        "old 4": bytes([0x82 | tag << 2]) + size.to_bytes(4, "big"),
        "new 1": bytes([0xC0 | tag, size & 0xFF]),
        "new 2": bytes([0xC0 | tag, 192 + ((size - 192) >> 8 & 0x1F), (size - 192) & 0xFF]),
        "new 5": bytes([0xC0 | tag, 255]) + size.to_bytes(4, "big"),
    }
    return heads[form] + body


@pytest.mark.parametrize(
    ("form", "size"), [("old 1", 50), ("old 2", 300), ("old 4", 300), ("new 1", 50), ("new 2", 300), ("new 5", 300)]
)
def test_keys_of_a_keyring_are_told_apart(form: str, size: int) -> None:
    """rpm looks at the first certificate of an armoured block only."""
    one = packet(6, b"k" * size, form=form) + packet(13, b"somebody", form="new 1")
    blocks = list(rpmkeys.armour(one * 3))
    assert len(blocks) == 3
    assert all(dearmor(block.encode(), what="it") == one for block in blocks)


def test_what_is_no_key_is_one_block_that_rpm_refuses(tmp_path: Path) -> None:
    blocks = list(rpmkeys.armour(b"\xff"))
    assert len(blocks) == 1
    with pytest.raises(BundleError, match=r"rpm does not take a key given for it: .*import failed"):
        rpmkeys.check({"app": str(tmp_path / "app.rpm")}, blocks, what="it")


def checked(paths: Dict[str, Path], *keys: SigningKey) -> str:
    armoured = [block for key in keys for block in rpmkeys.armour(dearmor(key.public_key(), what="it"))]
    with pytest.raises(BundleError) as caught:
        rpmkeys.check({name: str(path) for name, path in paths.items()}, armoured, what="it")
    return str(caught.value)


def test_each_reason_not_to_use_a_package(builder: Builder, keys: Dict[str, SigningKey], tmp_path: Path) -> None:
    plain = builder.build("app", "1.0", "1", "noarch", ())
    ours, foreign = builder.signed(plain, keys["archive"]), builder.signed(plain, keys["stranger"])
    weak = Path(shutil.copyfile(plain, tmp_path / "weak.rpm"))
    key = keys["archive"]
    defines = {
        "_gpg_name": key.fingerprint,
        "_gpg_path": key.home,
        "_gpg_digest_algo": "sha1",
        "__gpg": shutil.which("gpg"),
    }
    yum_upstream.run("rpmsign", *yum_upstream.defined(defines), "--addsign", weak)
    cut = tmp_path / "cut.rpm"
    cut.write_bytes(ours.read_bytes()[:3000])
    changed = tmp_path / "changed.rpm"
    data = bytearray(ours.read_bytes())
    data[data.rindex(b"MIT")] ^= 1  # in the header
    changed.write_bytes(data)
    paths = {"a": ours, "b": plain, "c": foreign, "d": weak, "e": cut, "f": changed, "g": tmp_path / "none.rpm"}
    told = checked(paths, key).splitlines()
    assert told == [
        "it: of 7 packages checked, 6 must not be used.",
        "b is not signed.",
        f"c is signed by key {keys['stranger'].fingerprint[-8:].lower()}, which is none of those given.",
        "d is signed by way of SHA1, which is not believed any more.",
        "e cannot be read as a package.",
        "f is damaged or was changed.",
        "... and 1 more",
    ]
    armoured = [block for key in keys.values() for block in rpmkeys.armour(dearmor(key.public_key(), what="it"))]
    rpmkeys.check({"a": str(ours), "c": str(foreign)}, armoured, what="it")


def published(side: Side, yum: YumUpstream, *packages: str) -> Path:
    side.bom = yum_upstream.bom(yum, side.web.url, *packages)
    side.lock()
    side.pack()
    side.publish()
    return side.top / "depot/current/rpm/el-9"


def judge(side: Side, repository: Path, name: str = "judge", keys: Any = None) -> dnf_judge.Dnf:
    depot = str(side.top / "depot/current/depot-key.asc")
    told = keys or [depot, str(repository / "RPM-GPG-KEYS")]
    return dnf_judge.Dnf(str(side.top / name), str(repository), keys=told, release="9", architecture="x86_64")


def refused(dnf: dnf_judge.Dnf, packages: List[str], items: List[Item]) -> str:
    with pytest.raises(BundleError) as caught:
        dnf_judge.prove(dnf, packages, items)
    return str(caught.value)


def test_dnf_finds_and_would_install_what_a_lock_names(side: Side, yum: YumUpstream) -> None:
    yum.add("app", "1.0", "Requires: lib", "Epoch: 4")
    yum.add("lib", architecture="x86_64")
    yum.add("lib", architecture="i686")
    yum.publish()
    repository = published(side, yum, "app", "lib", "lib.i686")
    items = list(side.lock().lock.items)
    assert [dnf_judge.nevra(item) for item in items] == ["app-4:1.0-1.noarch", "lib-0:1.0-1.x86_64", "lib-0:1.0-1.i686"]
    said = dnf_judge.prove(judge(side, repository), ["app"], items)
    assert said == "dnf would install 1 named and at most 2 other packages"
    ghost = replace(items[0], name="ghost", version="2.0-1")
    assert refused(judge(side, repository), ["app"], [*items, ghost]) == "dnf does not find ghost 2.0-1 in it."
    assert "dnf would not install nothere from it: Error: Unable to find a match: nothere" in refused(
        judge(side, repository), ["app", "nothere"], items
    )


def test_packages_that_exclude_each_other_are_proven_alone(side: Side, yum: YumUpstream) -> None:
    yum.add("one", "1.0", "Conflicts: two")
    yum.add("two")
    yum.publish()
    side.bom = yum_upstream.bom(yum, side.web.url, "one")
    side.lock()
    side.pack()
    first = side.volume
    side.lock_path = str(side.top / "work/more.lock.json")
    side.bom = {**yum_upstream.bom(yum, side.web.url, "two"), "name": "more"}
    side.lock()
    side.pack()
    result = side.publish(first, Path(side.output) / "more/volume-001", prove="always")
    assert [row["told"] for row in result.proofs] == ["dnf would install 2 named and at most 0 other packages"]


def test_signatures_count_for_the_judge_too(side: Side, yum: YumUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    yum.add("app")
    yum.publish()
    repository = published(side, yum, "app")
    items = list(side.lock().lock.items)
    depot = str(side.top / "depot/current/depot-key.asc")
    assert "GPG" in refused(judge(side, repository, "no-vendor", [depot]), ["app"], items)
    vendors = str(repository / "RPM-GPG-KEYS")
    told = refused(judge(side, repository, "no-depot", [vendors]), ["app"], items)
    assert "dnf cannot read the repository: Error: Failed to download metadata" in told
    monkeypatch.setattr(dnf_judge, "_PATIENCE", 0.001)
    assert "dnf --quiet did not end within 0.001 seconds." in refused(judge(side, repository), ["app"], items)


def test_one_file_name_cannot_stand_for_two_packages(tmp_path: Path, keys: Dict[str, SigningKey]) -> None:
    """No solver installs them together, but a lock is only a file."""
    store = Store(str(tmp_path / "store"))
    text = (
        '<package type="rpm"><name>app</name><arch>noarch</arch><version epoch="{epoch}" ver="1" rel="1"/>'
        '<checksum type="sha256" pkgid="YES">{sha}</checksum><size package="1"/><location href="app.rpm"/></package>'
    )
    hashes = {"1": "a" * 64, "2": "b" * 64}
    packages = tuple(yumrepo.Package(0, sha, text.format(epoch=epoch, sha=sha)) for epoch, sha in hashes.items())
    stanzas = store.add_bytes(yumrepo.Description((yumrepo.Source("https://x.example.com", ()),), packages).dump())
    items = tuple(
        Item("rpm", f"app{epoch}", 1, sha, "", "", f"{epoch}:1-1", "el-9", "noarch") for epoch, sha in hashes.items()
    )
    repository = Repository("el-9", "9", "x86_64", ("app",), stanzas, "rpm")
    lock = Lock("site", "", 1, "2026-01-01T00:00:00Z", 1, "", (repository,), (), items)
    tree = Tree(str(tmp_path / "tree"), store, keys["depot"], 0, None)
    with pytest.raises(BundleError, match="brings different packages of one file name for el-9"):
        rpm.publish(tree, [Held(lock, {}, {})])


@pytest.mark.parametrize("kinds", [None, {"comps"}])
def test_a_dnf_that_leaves_lists_of_files_out(tmp_path: Path, kinds: Any) -> None:
    """Since 4.19 it has to be told to read them; one before that has no such setting, and must not be given one."""

    class Conf:
        def __init__(self) -> None:
            self.substitutions: Dict[str, str] = {}
            if kinds is not None:
                self.optional_metadata_types = kinds

    question = {"directory": str(tmp_path), "architecture": "x86_64", "release": "9", "platform": "", "exclude": ["x"]}
    conf = rpm_dnf.configure(question, SimpleNamespace(conf=SimpleNamespace(Conf=Conf)))
    assert getattr(conf, "optional_metadata_types", None) == (["filelists"] if kinds is not None else None)
    assert (conf.installroot, conf.excludepkgs, conf.plugins) == (f"{tmp_path}/installroot", ["x"], False)


def test_the_script_that_runs_in_the_systems_python(
    side: Side, yum: YumUpstream, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere it runs on its own, as it is meant to; here it can be watched."""
    monkeypatch.setattr(sys, "path", [*sys.path, "/usr/lib/python3/dist-packages"])
    monkeypatch.setattr(sys, "stdin", io.StringIO("{}"))
    monkeypatch.setitem(sys.modules, "dnf", None)
    assert rpm_dnf.main() == rpm_dnf.ABSENT
    monkeypatch.delitem(sys.modules, "dnf")
    pytest.importorskip(
        "dnf", reason="dnf is for another Python than the one that runs the tests", exc_type=ImportError
    )
    yum.add("app", "1.0", "Requires: lib, /usr/share/lib/about, (extra if lib)")
    yum.add("lib")
    yum.add("extra")
    yum.publish()
    question = {"directory": str(side.top / "dnf"), "architecture": "x86_64", "release": "9", "platform": "",
                "repositories": [["0", str(yum.base)]], "packages": ["app"], "exclude": [], "modules": []}  # fmt: skip
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(question)))
    assert rpm_dnf.main() == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["name"], row["why"]) for row in rows] == [("app", -1), ("extra", 0), ("lib", 0)]
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({**question, "packages": ["x"], "modules": ["none:1"]})))
    assert rpm_dnf.main() == rpm_dnf.CANNOT
    assert "none:1" in capsys.readouterr().err
