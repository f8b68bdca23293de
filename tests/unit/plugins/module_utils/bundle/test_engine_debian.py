# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's rules: versions as dpkg sorts them, relations, sources, and the closure."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources import apt_host, apt_release, debian
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_host import Host
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_index import Index
from ansible_collections.fieldops.mattermost.tests.unit.apt_pools import index, names, resolver
from ansible_collections.fieldops.mattermost.tests.unit.upstream import Side

VERSIONS = [
    "1.0",
    "1.0~rc1",
    "1.0-1",
    "1.0-1+b1",
    "1:0.5",
    "1.0a",
    "1.0.0",
    "1.00",
    "2.0-1~deb12u1",
    "2.0-1",
    "0",
    "1.0+x",
    "1.a",
    "1.a0",
]


@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is the judge")
def test_versions_sort_as_dpkg_sorts_them() -> None:
    for first, second in itertools.combinations(VERSIONS, 2):
        for word, right in (
            ("lt", first_key(first) < first_key(second)),
            ("eq", first_key(first) == first_key(second)),
        ):
            done = subprocess.run(["dpkg", "--compare-versions", first, word, second], check=False)
            assert (done.returncode == 0) == right, (first, word, second)


def first_key(version: str) -> Any:
    return debian.version_key(version)


def test_versions_that_are_none_do_no_harm() -> None:
    assert debian.version_key("x:1") < debian.version_key("1:1")


@pytest.mark.parametrize(
    ("relation", "version", "allowed"),
    [
        ("a (>= 1.0)", "1.0", True),
        ("a (>> 1.0)", "1.0", False),
        ("a (<< 1.0)", "1.0~1", True),
        ("a (<= 1.0)", "1.1", False),
        ("a (= 1.0)", "1.00", True),
        ("a (< 1.0)", "1.0", True),
        ("a (> 1.0)", "1.0", True),
        ("a", "7", True),
    ],
)
def test_relations(relation: str, version: str, allowed: bool) -> None:
    assert debian.parse_relations(relation)[0][0].allows(version) is allowed


def test_dependency_fields() -> None:
    groups = debian.parse_relations("a:any (>= 1),\n b [amd64] <!nocheck> | c, , ${broken}")
    assert [[str(relation) for relation in group] for group in groups] == [["a (>= 1)"], ["b", "c"]]
    assert groups[0][0].architecture == "any"
    assert list(debian.stanzas("\n\nPackage: a\n\n \n\nPackage: b\n\n")) == [{"Package": "a"}, {"Package": "b"}]
    fields = debian.parse_stanza("# comment\n lost\nPackage: a\nDepends: b,\n c\nodd line\n")
    assert fields == {"Package": "a", "Depends": "b,\nc"}


def test_an_index_is_searched_and_kept(tmp_path: Path) -> None:
    text = (
        "Package: a\nVersion: 1\n\nVersion: 1\nPackage: b\nProvides: v (= 2), w\n\nPackage: a\nVersion: 2\nProvides: v\n\n"
        "Just: junk\nProvides: x\n\nPackage: c\n"
    )
    built = index(tmp_path, text)
    kept = Index.open(str(tmp_path / "cache"), "a" * 64)
    assert kept is not None
    for one in (built, kept):
        assert [stanza.splitlines()[1] for stanza in one.stanzas("a")] == ["Version: 1", "Version: 2"]
        assert len(list(one.stanzas("b"))) == 1
        assert list(one.stanzas("c")) == ["Package: c"]
        assert one.provided["v"] == ["b", "a"]
        assert list(one.stanzas("none")) == []
    assert Index.open(str(tmp_path / "cache"), "b" * 64) is None
    with open(tmp_path / f"cache/{'a' * 64}.packages", "r+b") as handle:
        handle.truncate(100)  # as after a power failure
    assert Index.open(str(tmp_path / "cache"), "a" * 64) is None


@pytest.mark.parametrize("text", ["", "\nProvides: x\n", "no stanza at all", "Package: only"])
def test_odd_indexes(tmp_path: Path, text: str) -> None:
    built = index(tmp_path, text)
    assert len(list(built.stanzas("only"))) == (text == "Package: only")


@pytest.mark.parametrize("ending", [".xz", ".gz"])
def test_what_does_not_decompress(tmp_path: Path, ending: str) -> None:
    (tmp_path / "x").write_bytes(b"not compressed")
    with pytest.raises(BundleError, match=r"Cannot decompress the index"):
        Index.build(str(tmp_path / "cache"), "a" * 64, str(tmp_path / "x"), ending)


def test_the_newest_over_all_suites(tmp_path: Path) -> None:
    found = resolver(tmp_path, "a;1.0;Depends: b\nb;1.0", "b;1.1", "b;1.1~x").resolve(["a"])
    assert {name: (package.version, package.origin) for name, package in found.items()} == {
        "a": ("1.0", 0),
        "b": ("1.1", 1),
    }


def test_a_suite_that_is_not_automatic_comes_last(tmp_path: Path) -> None:
    found = resolver(tmp_path, "a;1.0", "a;9.0\nb;1", priorities=(500, 100)).resolve(["a", "b"])
    assert found["a"].version == "1.0"
    assert found["b"].version == "1"


def test_other_architectures_are_not_seen(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"No suite has a package named a for amd64"):
        names(tmp_path, "a", "a;1;Architecture: arm64")
    assert names(tmp_path, "a", "a;1;Architecture: all") == ["a"]


def test_alternatives(tmp_path: Path) -> None:
    pool = "a;1;Depends: x | y\nx;1\ny;1\nb;1;Depends: y\nc;1;Depends: none | y"
    assert names(tmp_path, "a", pool) == ["a", "x"]
    assert names(tmp_path, "b a", pool) == ["a", "b", "y"], "what is there already will do"
    assert names(tmp_path, "a b", pool) == ["a", "b", "x", "y"], "as apt, which does not look ahead"
    assert names(tmp_path, "c", pool) == ["c", "y"]
    assert names(tmp_path, "a", pool, exclude=["x"]) == ["a"], "what is excluded counts as there"
    assert names(tmp_path, "a y", pool) == ["a", "y"]


def test_virtual_packages(tmp_path: Path) -> None:
    pool = (
        "a;1;Depends: mta\nz-mail;1;Provides: mta;Priority: important\nb-mail;1;Provides: mta;Priority: optional\n"
        "c-mail;1;Provides: mta (= 5)\nv;1;Depends: mta (>= 4)\nw;1;Depends: mta (>= 6)\nx;1;Depends: mta, z-mail"
    )
    assert names(tmp_path, "a", pool) == ["a", "z-mail"], "the most important one"
    assert names(tmp_path, "a b-mail", pool) == ["a", "b-mail"], "one that is there already"
    assert names(tmp_path, "v", pool) == ["c-mail", "v"], "a version is only met by a provided version"
    assert names(tmp_path, "x", pool) == ["x", "z-mail"]
    stands_in = "n;1;Depends: init, lsb (>= 3)\nlsb;5\ninit;1;Provides: lsb (= {})"
    assert names(tmp_path, "n", stands_in.format(4)) == ["init", "n"], "what is there anyway may stand in"
    assert names(tmp_path, "n", stands_in.format(2)) == ["init", "lsb", "n"]
    with pytest.raises(BundleError, match=r"w needs mta \(>= 6\), which no suite has"):
        names(tmp_path, "w", pool)
    with pytest.raises(
        BundleError, match=r"named mta for amd64. It is provided by b-mail, c-mail, z-mail: name one of them"
    ):
        names(tmp_path, "mta", pool)
    assert names(tmp_path, "only", "real;1;Provides: only") == ["real"]


def test_what_cannot_be_met_names_the_chain(tmp_path: Path) -> None:
    pool = "app;1;Depends: mid\nmid;1;Pre-Depends: lib (>= 2) | other:armhf\nlib;1.5\nother;1"
    with pytest.raises(BundleError) as caught:
        names(tmp_path, "app", pool)
    assert str(caught.value) == (
        "Cannot meet a dependency: app -> mid needs lib (>= 2) | other, but the suites have version 1.5."
    )
    with pytest.raises(BundleError, match=r"No suite has a package named nope for amd64\.$"):
        names(tmp_path, "app nope", pool)


def test_architecture_qualifiers(tmp_path: Path) -> None:
    assert names(tmp_path, "a", "a;1;Depends: p:any, q:amd64, r:native\np;1\nq;1\nr;1") == ["a", "p", "q", "r"]
    with pytest.raises(BundleError, match=r"a needs p"):
        names(tmp_path, "a", "a;1;Depends: p:armhf\np;1")


def test_a_chosen_version_that_does_not_do(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"b needs a \(<< 1\), but the suites have version 1"):
        names(tmp_path, "a b", "a;1\nb;1;Depends: a (<< 1)")


def test_cycles_end(tmp_path: Path) -> None:
    assert names(tmp_path, "a", "a;1;Depends: b\nb;1;Depends: a") == ["a", "b"]


def test_conflicts_are_told(tmp_path: Path) -> None:
    pool = (
        "a;1;Conflicts: b (<< 2), time-daemon;Provides: time-daemon\nb;1\nc;1;Provides: time-daemon\n"
        "d;1;Breaks: a (<< 1), v (= 3)\ne;1;Provides: v (= 3)"
    )
    found = resolver(tmp_path, pool)
    found.resolve(["a", "b", "c", "d", "e"])
    assert found.conflicts() == [
        "a and b cannot be installed on the same host.",
        "a and c cannot be installed on the same host.",
        "d and e cannot be installed on the same host.",
    ]


def write(root: Path, files: Dict[str, str]) -> Host:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Host(str(root))


KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abcd\n -----END PGP PUBLIC KEY BLOCK-----"


def test_the_sources_of_this_machine(tmp_path: Path) -> None:
    host = write(
        tmp_path,
        {
            "etc/os-release": "# x\nID=debian\nVERSION_CODENAME=bookworm\n",
            "etc/apt/sources.list": (
                "# deb http://old bookworm main\ndeb [arch=amd64 signed-by=/k1,/k2] http://a/debian/ bookworm main contrib # x\n"
                "deb-src http://a/debian bookworm main\ndeb cdrom:[x]/ bookworm main\n"
            ),
            "etc/apt/sources.list.d/third.list": "deb http://third/ nodistro main\n",
            "etc/apt/sources.list.d/ignored.bak": "deb http://bak bookworm main\n",
            "etc/apt/sources.list.d/debian.sources": (
                "# comment\nTypes: deb deb-src\nURIs: http://b/debian http://c/debian\nSuites: bookworm-updates bookworm-security x\n"
                f"Components: main\nSigned-By: {KEY}\n\nTypes: deb\nEnabled: no\nURIs: http://off\nSuites: bookworm\n\n"
                "Types: deb-src\nURIs: http://src\nSuites: bookworm\n\nTypes: deb\nURIs: http://d\nSuites: bookworm\nComponents: main\n"
                "Signed-By: /k3, /k4\n"
            ),
        },
    )
    found = host.distribution_sources("trixie")
    assert [(source.uri, source.suites, source.components) for source in found] == [
        ("http://a/debian", ("trixie",), ("main", "contrib")),
        ("http://b/debian", ("trixie-updates", "trixie-security"), ("main",)),
        ("http://c/debian", ("trixie-updates", "trixie-security"), ("main",)),
        ("http://d", ("trixie",), ("main",)),
    ]
    assert found[0].signed_by == ("/k1", "/k2")
    assert found[1].signed_by[0].splitlines() == [line.strip().replace(".", "") for line in KEY.splitlines()]
    assert found[3].signed_by == ("/k3", "/k4")


def test_a_machine_without_usable_sources(tmp_path: Path) -> None:
    host = write(tmp_path, {"etc/os-release": "ID=arch\n"})
    with pytest.raises(BundleError, match=r"names no VERSION_CODENAME; list the apt sources in the BOM"):
        host.distribution_sources("trixie")
    write(tmp_path, {"etc/os-release": "ID=debian\nVERSION_CODENAME=bookworm\n"})
    with pytest.raises(BundleError, match=r"has no source whose suite is bookworm"):
        host.distribution_sources("trixie")
    write(tmp_path, {"etc/apt/sources.list": "deb http://me:pw@host/debian bookworm main\n"})
    with pytest.raises(BundleError) as caught:
        host.distribution_sources("trixie")
    assert "apt source http://host/debian of this machine: the URL names a user or password" in str(caught.value)
    assert "pw" not in str(caught.value)


def test_default_keyrings(tmp_path: Path) -> None:
    host = write(
        tmp_path,
        {"etc/os-release": "ID=ubuntu\n", "etc/apt/trusted.gpg.d/b.gpg": "", "etc/apt/trusted.gpg.d/a.asc": ""},
    )
    assert [Path(path).name for path in host.default_keyrings()] == ["a.asc", "b.gpg"]
    write(tmp_path, {"usr/share/keyrings/ubuntu-archive-keyring.gpg": ""})
    assert [Path(path).name for path in host.default_keyrings()][-1] == "ubuntu-archive-keyring.gpg"
    with pytest.raises(BundleError, match=r"No key is known for it: give signed_by in the BOM"):
        apt_release.keyring_for((), [], where="it")
    assert apt_host.Host().root == "/"


def refused(side: Side, said: str) -> None:
    side.upstream.publish()
    with pytest.raises(BundleError, match=said):
        side.lock()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"Valid-Until": "Thu, 01 Jan 2015 00:00:00 UTC"}, "was valid until Thu, 01 Jan 2015 .* use another mirror"),
        ({"Date": "Thu, 01 Jan 2099 00:00:00 UTC"}, "is dated Thu, 01 Jan 2099 .*: check the clock"),
        ({"Date": "yesterday"}, "has no usable date: 'yesterday'"),
        ({"Date": "Thu, 01 Jan 99999 00:00:00 UTC"}, "has no usable date: 'Thu, 01 Jan 99999 00:00:00 UTC'"),
        ({"Valid-Until": f"Thu, 01 Jan {'9' * 18} 00:00:00 UTC"}, "has no usable date: 'Thu, 01 Jan 9+ 00:00:00 UTC'"),
        ({"Date": f"Thu, 01 Jan 2015 00:00:00 -{'9' * 18}"}, "has no usable date"),
        ({"Codename": "trixie"}, "answers with the metadata of stable and trixie. Correct the suite"),
        ({"MD5Sum": ""}, ""),
    ],
)
def test_metadata_that_is_not_to_be_believed(side: Side, fields: Dict[str, str], said: str) -> None:
    side.upstream.add("app")
    side.upstream.release["bookworm"] = fields
    if said:
        refused(side, said)
    else:
        side.upstream.publish()
        assert side.lock().changed


def test_metadata_without_sha256(side: Side) -> None:
    base = side.upstream.root / "debian/dists/bookworm"
    base.mkdir(parents=True)
    side.upstream.publish()
    release = b"Origin: Debian\nCodename: bookworm\nDate: Thu, 01 Jan 2015 00:00:00 UTC\nMD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 x\n"
    side.upstream.sign(base, release, int(side.now), False)
    with pytest.raises(BundleError, match=r"lists no SHA256 digests; MD5 and SHA1 are not believed"):
        side.lock()


def test_metadata_signed_by_a_stranger(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.key = side.keys["stranger"]
    refused(side, "The signature of the metadata of .* bookworm.* is not good for any key of")


def test_signed_by_a_fingerprint(side: Side) -> None:
    side.upstream.add("app")
    good, other = side.keys["archive"].fingerprint, side.keys["stranger"].fingerprint
    line = "deb [signed-by={}] " + f"{side.web.url}/debian bookworm main\n"
    side.write_host(line.format(f"{good}!"))
    side.upstream.publish()
    assert side.lock().changed
    side.write_host(line.format(other))
    (side.top / "work/site.lock.json").unlink()
    with pytest.raises(BundleError, match=rf"is signed by {good}, not by {other}"):
        side.lock()


def test_an_embedded_key(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    armour = "\n".join(f" {line or '.'}" for line in side.keys["archive"].public_key().decode().splitlines())
    (side.top / "host/etc/apt/sources.list").unlink()
    (side.top / "host/etc/apt/trusted.gpg.d/archive.asc").unlink()
    (side.top / "host/etc/apt/sources.list.d/x.sources").write_text(
        f"Types: deb\nURIs: {side.web.url}/debian\nSuites: bookworm\nComponents: main\nSigned-By:\n{armour}\n"
    )
    assert side.lock().changed


def test_release_with_its_signature_beside_it(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish(detached=True)
    result = side.lock()
    assert {piece.kind for piece in result.lock.evidence} == {"index", "release", "release_signature", "stanzas"}
    assert not side.lock().changed
    side.pack()
    assert side.publish().changed
    (side.upstream.root / "debian/dists/bookworm/Release.gpg").unlink()
    with pytest.raises(BundleError, match=r"Release.gpg: the server answered HTTP 404"):
        side.lock()


@pytest.mark.parametrize("endings", [(".gz",), ("",), (".xz",)])
def test_every_compression(side: Side, endings: Any) -> None:
    side.upstream.add("app")
    side.upstream.publish(endings=endings)
    assert side.lock().changed


def test_no_index_that_can_be_read(side: Side) -> None:
    side.upstream.add("app")
    side.bom["apt"][0]["architecture"] = "arm64"
    refused(side, "lists no index main/binary-arm64/Packages that this version can read")


def test_an_archive_that_lists_all_apart_and_knows_no_by_hash(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.release["bookworm"] = {"No-Support-for-Architecture-all": "", "Acquire-By-Hash": ""}
    refused(side, "lists no index main/binary-all/Packages")
    assert not any("by-hash" in path and "bookworm/" in path for path in side.web.paths())


def test_an_index_that_is_not_the_signed_one(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.publish()
    for path in (side.upstream.root / "debian/dists/bookworm").rglob("by-hash/SHA256/*"):
        path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(BundleError, match=r"is not what was promised"):
        side.lock()


def test_a_stanza_that_lacks_what_is_needed(side: Side) -> None:
    side.upstream.suites["bookworm"].append("Package: app\nVersion: 1\nArchitecture: amd64\n")
    refused(side, "the index does not give Filename, Size and SHA256 of app")


def test_a_source_of_somebody_else_is_left_out(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.release["bookworm-security"] = {"Origin": "Somebody"}
    side.upstream.publish()
    result = side.lock()
    assert [warning for warning in result.warnings if "is of Somebody, not of Debian, and was left out" in warning]
    assert {item.facts.get("suite") for item in result.lock.evidence} == {"bookworm", None}


def test_sources_of_the_bom(side: Side) -> None:
    side.upstream.add("app")
    side.upstream.release["bookworm"] = {"Origin": "Somebody"}
    key = side.top / "key.asc"
    key.write_bytes(side.keys["archive"].public_key())
    source = {"uri": f"{side.web.url}/debian", "suites": ["bookworm"], "components": ["main"], "signed_by": str(key)}
    side.bom["apt"] = [side.apt("app", sources=[source], carry_indexes=False)]
    side.upstream.publish()
    result = side.lock()
    assert result.warnings == []
    assert {piece.kind for piece in result.lock.evidence} == {"release", "stanzas"}


def test_a_mirror_that_lags_does_not_take_us_back(side: Side) -> None:
    side.upstream.add("app", "1.0")
    side.upstream.publish(now=side.now - 86400)
    old = (side.upstream.root / "debian/dists/bookworm/InRelease").read_bytes()
    side.upstream.add("app", "2.0")
    side.upstream.publish()
    assert side.lock().lock.items[0].version == "2.0"
    (side.upstream.root / "debian/dists/bookworm/InRelease").write_bytes(old)
    for _time in range(2):
        result = side.lock()
        assert not result.changed
        assert result.lock.items[0].version == "2.0"


def test_suites_that_are_not_automatic() -> None:
    def priority(**fields: str) -> int:
        return apt_release.Release(
            "u", "s", {key.replace("_", ""): value for key, value in fields.items()}, {}, ()
        ).priority

    assert priority() == 500
    assert priority(Not_Automatic="yes") == 1
    assert priority(Not_Automatic="yes", But_Automatic_Upgrades="yes") == 100
