# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels and collections of a bill of materials, semantic versions, and what a ready BOM leaves open."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.boms.wheels import Requirement
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.semver import Range, is_prerelease, key_of

SHA = "a" * 64
WHEEL = "https://files.example.com/demo-1.0-py3-none-any.whl"


def wheels(**more: Any) -> Dict[str, Any]:
    return {"name": "site", "wheels": [{"name": "tools", "python": "3.11", "packages": ["demo"], **more}]}


def collections(*rows: Dict[str, Any]) -> Dict[str, Any]:
    return {"name": "site", "collections": list(rows)}


def problem(document: Any) -> str:
    with pytest.raises(BundleError) as caught:
        Bom.parse(document)
    return str(caught.value).partition("\n")[2]


def test_good_ones() -> None:
    packages = [
        f"Demo.Thing[a,b] >=1,<2 ; python_version < '3.12' --hash=sha256:{SHA}",
        f"x @ {WHEEL} --hash=sha256:{SHA}",
    ]
    bom = Bom.parse(wheels(packages=packages, constraints=["demo<3"], platforms=["linux_armv7l"]))
    (item,) = bom.wheels
    assert item.packages[0] == Requirement("Demo.Thing[a,b] >=1,<2 ; python_version < '3.12'", "demo-thing", (SHA,))
    assert item.packages[1].project == "x"
    assert (item.constraints, item.platforms) == (("demo<3",), ("linux_armv7l",))
    row = {"name": "community.general", "version": ">=11.0.0", "source": "https://hub.example.com/api/"}
    bom = Bom.parse(collections(row, {"name": "my.own", "source": "/srv/my-own-1.0.0.tar.gz", "sha256": SHA}))
    assert [item.is_tarball for item in bom.collections] == [False, True]
    assert bom.collections[0].source == "https://hub.example.com/api"
    assert Bom.parse(collections({"name": "a.b"})).collections[0].source == "https://galaxy.ansible.com"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (wheels(python="2.7"), "wheels[0].python: '2.7' is not a version of Python such as 3.11."),
        (wheels(python=3.11), "wheels[0].python: a text is expected here, not 3.11. Put 3.11 in quotes."),
        (wheels(packages=[]), "wheels[0].packages: name at least one of the packages."),
        (wheels(packages=["--index-url=x"]), "wheels[0].packages[0]: '--index-url=x' is not a requirement"),
        (wheels(packages=["demo --no-deps"]), "wheels[0].packages[0]: 'demo --no-deps' is not a requirement"),
        (wheels(packages=["demo --hash=md5:00"]), "wheels[0].packages[0]: 'demo --hash=md5:00' is not a requirement"),
        (wheels(constraints=["-r x"]), "wheels[0].constraints[0]: '-r x' is not a requirement"),
        (wheels(packages=["x @ git+https://example.com/x"]), "is neither an http, https or file URL"),
        (wheels(packages=["x @ https://me:secret@example.com/x.whl"]), "credentials must not enter a lock"),
        (wheels(packages=["x @ https://example.com/x.zip"]), "is not a wheel; build one with pip wheel"),
        (wheels(index_url="https://me:secret@example.com/simple"), "credentials must not enter a lock"),
        (wheels(packages=[f"x @ {WHEEL}"]), "nothing vouches for a wheel by its URL; add --hash=sha256:…"),
        (wheels(platforms=["win_amd64"]), "'win_amd64' is not a platform such as manylinux_2_17_x86_64."),
        (wheels(platforms=["linux_i686", "linux_x86_64"]), "i686, x86_64 are different machines; make a set for each."),
        (wheels(abi="cp3.11"), "wheels[0].abi: 'cp3.11' is not a tag such as cp311."),
        (wheels(pyton="3.11"), "wheels[0].pyton: there is no such key"),
        ({"name": "site", "wheels": ["demo"]}, "wheels[0]: a dictionary with name, python, packages"),
        ([wheels(), wheels(python="3.13")], "wheels: the name 'tools' stands for different interpreters"),
        (collections({"name": "general"}), "'general' is not a collection such as community.general."),
        (collections({"name": "a.b", "version": "newest"}), "'newest' is not a version or range such as 4.1.0"),
        (collections({"name": "a.b", "source": "/x/a-b-1.0.0.tar.gz"}), "a tarball needs its sha256, or unverified"),
        (collections({"name": "a.b", "source": "/x/a.tar.gz", "sha256": "0"}), "'0' is not a sha256 of 64"),
        (
            collections({"name": "a.b", "source": "/x/a.tar.gz", "sha256": SHA, "keyring": "/k.asc"}),
            "signatures come from Galaxy servers; a tarball is known by its sha256.",
        ),
        (collections({"name": "a.b", "sha256": SHA}), "sha256 and unverified are for tarballs"),
        (collections({"name": "a.b"}, {"name": "a.b", "source": "https://x.example.com"}), "from different sources"),
        (collections({"name": "a.b", "unverified": {"reason": ""}}), "say why, in words."),
        (collections("a.b"), "collections[0]: a dictionary with name, version"),  # type: ignore[arg-type]
    ],
)
def test_mistakes(document: Any, told: str) -> None:
    assert told in problem(document)


def test_sets_of_one_name_are_joined() -> None:
    bom = Bom.parse([wheels(constraints=["a<2"]), wheels(packages=["demo", "more"])])
    assert [row.text for row in bom.wheels[0].packages] == ["demo", "more"]
    assert bom.wheels[0].constraints == ("a<2",)
    twice = collections({"name": "a.b", "version": ">=1.0.0"}, {"name": "a.b", "version": "<2"}, {"name": "a.b"})
    assert len(Bom.parse([twice, twice]).collections) == 3


def test_what_a_ready_bom_leaves_open_is_refused_until_it_is_filled() -> None:
    row = {"name": "rtcd", "url": "https://example.com/rtcd", "destination": "rtcd", "sha256": "FILL IN: as released."}
    assert problem({"name": "site", "files": [row]}) == "files[0].sha256: is left for you to fill in: as released."


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("*", ("1.0.0",), ("1.0.0-beta", "banana")),
        ("", ("1.0.0",), ()),
        (">=2.0.0,<3", ("2.0.0", "2.9.9"), ("1.9.9", "3.0.0", "3.0.0-rc1")),
        ("1.2.3", ("1.2.3",), ("1.2.4",)),
        ("=1.2", ("1.2.0",), ("1.2.1",)),
        ("==1.0.0-rc.1", ("1.0.0-rc.1",), ("1.0.0-rc.2", "1.0.0")),
        ("!=1.0.0, <=2.0.0", ("2.0.0", "0.9.0"), ("1.0.0", "2.0.1")),
        (">v0.17.0", ("v0.17.1", "1.0.0"), ("v0.17.0",)),
    ],
)
def test_ranges(text: str, good: Any, bad: Any) -> None:
    assert all(Range(text).fits(version) for version in good)
    assert not any(Range(text).fits(version) for version in bad)


def test_the_order_of_versions() -> None:
    ordered = ["0.9.9", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0", "1.0.1", "10.0.0"]
    assert sorted(ordered, key=lambda version: key_of(version) or ()) == ordered
    assert is_prerelease("1.0.0-1") and not is_prerelease("1.0.0+build") and not is_prerelease("nonsense")
    assert Range("1.2.3").exact == "1.2.3" and Range(">1.2.3").exact == "" and Range("*").exact == ""


@pytest.mark.parametrize("text", ["~1", "1.0.0 ||2.0.0", ">=", "1.2.3.4", ",", ">=1.0.0,"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ValueError, match=r"^"):
        Range(text)
