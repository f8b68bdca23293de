# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version apt would take: pins, priorities, what is there already, what is forbidden, what is only recommended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List, Tuple

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.boms.apt import Pin
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_installed import (
    read_installed,
    status_of,
)
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.sources.apt_resolver import ForbiddenError
from ansible_collections.fieldops.mattermost.tests.unit.apt_pools import layers, names, packages, resolver

STABLE = {
    "a": "stable",
    "n": "bookworm",
    "v": "12.5",
    "o": "Debian",
    "l": "Debian",
    "c": "main",
    "b": "amd64",
    "site": "deb.example.com",
}
NEWER = {**STABLE, "a": "stable-backports", "n": "bookworm-backports", "l": "Debian Backports"}
VENDOR = {**STABLE, "a": "", "n": "", "v": "", "o": "Vendor", "l": "", "site": "apt.example.org"}
SUITES = {"priorities": (500, 100, 500), "facts": (STABLE, NEWER, VENDOR)}
POOL = ("a;1.0\nb;1.0", "a;2.0\nb;2.0", "a;1.5~vendor")


def version(tmp_path: Path, *pins: Tuple[str, str, int], name: str = "a", **more: Any) -> str:
    given = {**SUITES, "pins": [Pin(*pin) for pin in pins], **more}
    package = resolver(tmp_path, *POOL, **given).candidates.get(name)
    return package.version if package is not None else ""


@pytest.mark.parametrize(
    ("pins", "taken"),
    [
        ([], "1.5~vendor"),
        ([("a", "release n=bookworm-backports", 500)], "2.0"),
        ([("a", "release a=stable-backports", 100)], "1.5~vendor"),
        ([("*", "release o=Vendor", 1)], "1.0"),
        ([("*", "release o=Vendor", -1), ("*", "release n=bookworm*", 990)], "2.0"),
        ([("*", "release n=bookworm, l=Debian", 990)], "1.0"),
        ([("*", "release n=bookworm, l=Backports", 990)], "1.5~vendor"),
        ([("*", "release bookworm-backports", 600)], "2.0"),
        ([("*", "release stable", 600)], "1.0"),
        ([("*", "release 12.*", 600)], "2.0"),
        ([("*", 'origin "apt.example.org"', 50)], "1.0"),
        ([("a", "version 1.0*", 700)], "1.0"),
        ([("?", "version 1.0", 700), ("a", "version 1.0", -5)], "1.0"),
        ([("a", "version 1.0", -5), ("a", "version 1.0", 700)], "1.5~vendor"),
        ([("a", "release c=main", -1)], ""),
        ([("a", "version 2.0", 400), ("*", "release n=bookworm-backports", 990)], "1.5~vendor"),
        ([("b", "release n=bookworm-backports", 990)], "1.5~vendor"),
    ],
)
def test_pins(tmp_path: Path, pins: List[Tuple[str, str, int]], taken: str) -> None:
    assert version(tmp_path, *pins) == taken


def test_a_version_of_two_suites_has_the_better_priority(tmp_path: Path) -> None:
    given = {"priorities": (100, 500), "facts": (NEWER, STABLE)}
    found = resolver(tmp_path, "a;2.0\nb;1", "a;2.0\na;1.0", **given).candidates.get("a")
    assert found is not None and (found.version, found.origin) == ("2.0", 0)


def test_what_is_installed(tmp_path: Path) -> None:
    assert version(tmp_path, installed=packages("a;0.9")) == "1.5~vendor"
    assert version(tmp_path, installed=packages("a;1.5~vendor")) == ""
    assert version(tmp_path, installed=packages("a;1.7")) == "2.0", "what is from backports is upgraded from there"
    assert version(tmp_path, installed=packages("a;2.1")) == "", "nothing goes back by itself"
    assert version(tmp_path, ("a", "version 1.0", 990), installed=packages("a;2.1")) == ""
    assert version(tmp_path, ("a", "version 1.0", 1001), installed=packages("a;1.7")) == "1.0"
    assert version(tmp_path, ("a", "version 1.0", 50), installed=packages("a;0.9"), name="b") == "1.0"
    assert version(tmp_path, ("*", "release o=*", 50), installed=packages("a;0.9")) == "", "less than what is there"


INSTALLED = "libc;2.36;Provides: libc-abi (= 2)\ninit;1;Provides: lsb (= 11)\nold;1;Depends: shared (= 1)\nshared;1"
NEWS = (
    "app;1;Depends: libc (>= 2.3), lsb (>= 10), shared (>= 2) | none\nlibc;2.37\nshared;2\nold;2;Depends: shared (= 2)\n"
    "other;1;Breaks: libc (<< 2.37)\nstuck;1;Conflicts: init\nlsb;11"
)


def test_what_targets_have_is_left_out_and_what_would_break_is_upgraded(tmp_path: Path) -> None:
    there = packages(INSTALLED)
    assert names(tmp_path, "app", NEWS, installed=there) == ["app", "old", "shared"]
    assert names(tmp_path, "app", NEWS) == ["app", "libc", "lsb", "shared"]
    assert names(tmp_path, "other", NEWS, installed=there) == ["libc", "other"]
    assert names(tmp_path, "libc init", NEWS, installed=there) == ["libc"], "newer, and there is nothing newer"
    assert names(tmp_path, "stuck", NEWS, installed=there) == ["stuck"], "what cannot be mended is for apt to judge"
    assert names(tmp_path, "app", NEWS, installed=there, exclude=["old"]) == ["app", "shared"]
    family = "new;1;Source: app\napp-lib;1;Source: app\napp-old;0.9;Source: app\nstray;1;Source: app (0.9)"
    old = packages("app-lib;0.5\napp-old;0.5\nstray;0.5")
    assert names(tmp_path, "new", family, installed=old) == ["app-lib", "new"], "one source is upgraded as one"
    newer = NEWS + "\ninit;2;Provides: lsb (= 11)"
    assert names(tmp_path, "stuck", newer, installed=there) == ["stuck"], "a newer one would have to go as well"


def test_recommendations(tmp_path: Path) -> None:
    pool = (
        "app;1;Depends: lib;Recommends: nice, absent | other, broken, needy\nlib;1;Recommends: nicer (>= 2)\nnice;1\n"
        "nicer;1\nother;1\nbroken;1;Depends: nothing\nneedy;1;Depends: far\nfar;1"
    )
    assert names(tmp_path, "app", pool) == ["app", "lib"]
    found = resolver(tmp_path, pool, recommends=True)
    assert list(found.resolve(["app"])) == ["app", "far", "lib", "needy", "nice", "other"]
    assert found.chain("far") == ["app", "needy", "far"]


def test_an_alternative_that_cannot_be_installed_is_passed_over(tmp_path: Path) -> None:
    pool = "app;1;Depends: first | second\nfirst;1;Depends: deep\ndeep;1;Depends: nothing (>= 1)\nsecond;1"
    assert names(tmp_path, "app", pool) == ["app", "second"]
    with pytest.raises(BundleError) as caught:
        names(tmp_path, "first app", pool)
    assert str(caught.value) == "Cannot meet a dependency: first -> deep needs nothing (>= 1), which no suite has."
    cycle = "app;1;Depends: x\nx;1;Depends: y\ny;1;Depends: x, nothing"
    with pytest.raises(BundleError, match=r"app -> x -> y needs nothing, which no suite has"):
        names(tmp_path, "app", cycle)


def test_of_equal_providers_the_one_heard_of_last(tmp_path: Path) -> None:
    """As apt does, whose numbers grow as it reads: by its own description, or by another one that speaks of it."""
    pool = (
        "early;1;Depends: zz-late;Description: of bb-late\naa-late;1;Provides: api\nbb-late;1;Provides: api\nzz-late;1;Provides: api\n"
        "cc-late;1;Provides: api;Essential: yes\napp;1;Depends: api"
    )
    assert names(tmp_path, "app", pool.replace("Essential: yes", "Section: x")) == ["app", "cc-late"]
    assert names(tmp_path, "app", pool.replace("cc-late;1;Provides: api", "cc-late;1")) == ["app", "bb-late"]
    twice = (
        pool.replace("Essential: yes", "Section: x")
        + "\nmore;1;Depends: api\nlast;1;Provides: other-api\nend;1;Depends: api (= 2)"
    )
    assert names(tmp_path, "app more", "bb-late;9", twice) == ["app", "cc-late", "more"]
    again = resolver(
        tmp_path,
        twice.replace("cc-late;1;Provides: api", "cc-late;1;Provides: api (= 1), api2;") + "\nx9;1;Provides: api2",
    )
    assert again.candidates.ranked(["x9", "cc-late"]) == again.candidates.ranked(["cc-late", "x9"]) == ["x9", "cc-late"]


def test_ways_that_what_is_chosen_excludes_come_last(tmp_path: Path) -> None:
    pool = "app;1;Depends: base, aa | bb\nbase;1;Conflicts: aa\naa;1;Provides: x\nbb;1\nother;1;Depends: cc | dd, aa | dd\ncc;1;Breaks: x\ndd;1"
    assert names(tmp_path, "app", pool) == ["app", "base", "bb"]
    assert names(tmp_path, "base aa", pool) == ["aa", "base"], "for different hosts"
    assert names(tmp_path, "aa other", pool) == ["aa", "dd", "other"]


def test_what_must_not_be_carried(tmp_path: Path) -> None:
    pool = (
        "app;1;Depends: mid | spare\nmid;1;Depends: telnet-client\nspare;1\ninetutils-telnet;1;Provides: telnet-client\n"
        "hard;1;Depends: mid\nplain;1;Depends: telnetd | none\ntelnetd;1\nonly;1;Recommends: telnetd"
    )
    forbid = ["*telnet*"]
    assert names(tmp_path, "app", pool, forbid=forbid) == ["app", "spare"], "another alternative is taken"
    assert names(tmp_path, "only", pool, forbid=forbid, recommends=True) == ["only"]
    for wanted, chain, said in (
        (
            "hard",
            ("hard", "mid", "inetutils-telnet"),
            "inetutils-telnet must not be carried .*, but hard -> mid needs it",
        ),
        (
            "plain",
            ("plain", "telnetd"),
            r"telnetd must not be carried \(policy.must_not_contain: \*telnet\*\), but plain needs",
        ),
        ("telnetd", ("telnetd",), r"telnetd must not be carried .*, but the BOM names it\."),
        ("telnet-client", ("telnet-client",), "telnet-client must not be carried"),
    ):
        with pytest.raises(ForbiddenError, match=said) as caught:
            names(tmp_path, wanted, pool, forbid=forbid)
        assert caught.value.chain == chain
    with pytest.raises(ForbiddenError) as caught:
        names(tmp_path, "telnet-client", pool, forbid=["inet*"])
    assert caught.value.chain == ("telnet-client", "inetutils-telnet")


# What a target has ----------------------------------------------------------------------------------------------------

STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9
Provides: libc-abi (= 1),
 more

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: foreign
Status: install ok installed
Architecture: i386
Version: 1
"""


def test_the_status_of_a_target(tmp_path: Path) -> None:
    (tmp_path / "status").write_text(STATUS)
    found = read_installed([str(tmp_path / "status")], [], architecture="amd64")
    assert {name: list(package.provides()) for name, package in found.items()} == {
        "libc6": [("libc-abi", "1"), ("more", "")]
    }
    (tmp_path / "status").write_text("Package: x\nStatus: install ok installed\n")
    with pytest.raises(BundleError, match=r"status gives no version of x; carry the target's dpkg status whole"):
        read_installed([str(tmp_path / "status")], [], architecture="amd64")


def test_a_list_is_described_by_the_suites(tmp_path: Path) -> None:
    pool = layers(tmp_path, "lib;1;Provides: abi (= 1);Depends: x\nlib;2;Provides: abi (= 2)\nodd;1;Architecture: i386")
    found = read_installed(["lib:amd64 2", "unknown 7 all", "lib2 1 i386", "odd 3"], pool, architecture="amd64")
    assert {name: (package.version, list(package.provides())) for name, package in found.items()} == {
        "lib": ("2", [("abi", "2")]),
        "odd": ("3", []),
        "unknown": ("7", []),
    }
    older = read_installed(["lib 1.5"], pool, architecture="amd64")["lib"]
    assert (older.version, list(older.provides()), older.fields.get("Depends")) == ("1.5", [("abi", "1")], None)


def test_only_what_all_targets_have_counts(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("aa\t1.0\namd64only:amd64\t2\ncc 3 amd64\n")
    (tmp_path / "two").write_text("aa 0.9\ncc 4\n\n")
    found = read_installed([str(tmp_path / "one"), str(tmp_path / "two")], [], architecture="amd64")
    assert {name: package.version for name, package in found.items()} == {"aa": "0.9", "cc": "3"}
    assert read_installed([str(tmp_path / "one"), "cc 1"], [], architecture="amd64")["cc"].version == "1"
    (tmp_path / "two").write_text("not a package list at all, is it?\n")
    with pytest.raises(
        BundleError, match=r"two lists 'not a package .*' as installed; a package, its version and perhaps"
    ):
        read_installed([str(tmp_path / "two")], [], architecture="amd64")
    with pytest.raises(BundleError, match=r"Cannot read .*none"):
        read_installed([str(tmp_path / "none")], [], architecture="amd64")


def test_facts_of_ansible(tmp_path: Path) -> None:
    rows = {
        "libc6": [
            {"arch": "amd64", "name": "libc6", "version": "2.36-9", "source": "apt"},
            {"arch": "i386", "version": "1"},
        ]
    }
    for document in ({"ansible_facts": {"packages": rows}}, {"packages": rows}):
        (tmp_path / "facts").write_text(json.dumps(document))
        found = read_installed([str(tmp_path / "facts")], [], architecture="amd64")
        assert {name: package.version for name, package in found.items()} == {"libc6": "2.36-9"}
    for document, said in (
        ({"ansible_facts": []}, r"facts has no packages; give the answer of the module"),
        ({"packages": {"libc6": ["x"]}}, r"facts lists 'libc6' as installed; a package, its version"),
        ({"packages": {"libc6": {"version": "1; x"}}}, r"facts lists 'libc6 1; x' as installed"),
    ):
        (tmp_path / "facts").write_text(json.dumps(document))
        with pytest.raises(BundleError, match=said):
            read_installed([str(tmp_path / "facts")], [], architecture="amd64")


def test_a_status_for_apt(tmp_path: Path) -> None:
    text = status_of(list(packages("a;1;Provides: x, y;Depends: b\nc;2;Filename: pool").values()), architecture="arm64")
    assert text.count("Status: install ok installed\n") == 2
    assert "Filename" not in text and "Depends: b\n" in text
    assert status_of([], architecture="amd64") == ""
