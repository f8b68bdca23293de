# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bill of materials: what it may say, and the one sentence for each mistake."""

from __future__ import annotations

import copy
from typing import Any, Dict, Tuple

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.bom import CARRYING, Bom
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.tests.unit.mistakes import with_mistake

SHA = "a" * 64
GOOD: Dict[str, Any] = {
    "name": "site",
    "apt": [
        {
            "name": "debian-12",
            "release": "bookworm",
            "architecture": "amd64",
            "packages": ["nginx"],
            "exclude": ["exim4"],
            "sources": [
                {
                    "uri": "http://deb.example.com/debian/",
                    "suites": ["bookworm"],
                    "components": ["main"],
                    "signed_by": "/k.gpg",
                }
            ],
        }
    ],
    "files": [
        {
            "name": "server",
            "url": "https://files.example.com/server.tar.gz",
            "destination": "mattermost/server.tar.gz",
            "sha256": SHA,
            "signature": {"url": "https://files.example.com/server.tar.gz.sig", "keyring": "/k.gpg"},
        }
    ],
}


def mistake(path: Tuple[Any, ...], value: Any) -> Dict[str, Any]:
    return with_mistake(GOOD, path, value)


def problems(document: object) -> str:
    with pytest.raises(BundleError) as caught:
        Bom.parse(document)
    head, _line, rest = str(caught.value).partition("\n")
    assert head == "The bill of materials is not usable."
    return rest


def test_a_good_one() -> None:
    bom = Bom.parse(GOOD)
    assert (bom.name, bom.expires_days, bom.description) == ("site", 90, "")
    assert bom.apt[0].sources[0].uri == "http://deb.example.com/debian"
    assert bom.apt[0].sources[0].signed_by == ("/k.gpg",)
    assert bom.files[0].signature is not None
    assert Bom.parse(mistake(("apt", 0, "sources"), "host")).apt[0].sources == ()
    assert Bom.parse(mistake(("apt", 0, "sources"), KeyError)).apt[0].sources == ()
    assert Bom.parse(mistake(("apt", 0, "sources", 0, "signed_by"), ["/a", "/b"])).apt[0].sources[0].signed_by == (
        "/a",
        "/b",
    )


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("name",), KeyError, "name: is required."),
        (
            ("name",),
            "My Site",
            "name: 'My Site' is not a name of lower-case letters, digits, dots, dashes and underscores.",
        ),
        (("expires_days",), "90", "expires_days: a number of days from 1 to 3650 is expected, not '90'."),
        (("expires_days",), True, "expires_days: a number of days from 1 to 3650 is expected, not True."),
        (("expires_days",), 0, "expires_days: a number of days from 1 to 3650 is expected, not 0."),
        (
            ("package",),
            [],
            f"package: there is no such key; known here are name, description, expires_days, {', '.join((*CARRYING, 'policy'))}.",
        ),
        (("apt",), {"name": "x"}, "apt: a list is expected here, not a dictionary."),
        (
            ("apt", 0),
            "nginx",
            "apt[0]: a dictionary with name, release, architecture, packages, sources, exclude, pins, installed, carry_indexes, recommends, source_packages "
            "is expected here, not 'nginx'.",
        ),
        (("apt", 0, "packages"), KeyError, "apt[0].packages: is required."),
        (("apt", 0, "packages"), [], "apt[0].packages: name at least one package."),
        (("apt", 0, "packages"), "nginx", "apt[0].packages: a list is expected here, not 'nginx'."),
        (("apt", 0, "packages"), ["nginx", "Foo bar"], "apt[0].packages[1]: 'Foo bar' is not a Debian package name."),
        (("apt", 0, "packages"), ["nginx", 7], "apt[0].packages[1]: a text is expected here, not 7. Put 7 in quotes."),
        (("apt", 0, "packages"), [{"name": "x"}], "apt[0].packages[0]: a text is expected here, not a dictionary."),
        (
            ("apt", 0, "packges"),
            ["x"],
            "apt[0].packges: there is no such key; known here are name, release, architecture, "
            "packages, sources, exclude, pins, installed, carry_indexes, recommends, source_packages.",
        ),
        (
            ("apt", 0, "release"),
            "Debian 12",
            "apt[0].release: 'Debian 12' is not the codename of a release, such as bookworm.",
        ),
        (
            ("apt", 0, "architecture"),
            "AMD64",
            "apt[0].architecture: 'AMD64' is not a Debian architecture, such as amd64.",
        ),
        (("apt", 0, "carry_indexes"), "yes", "apt[0].carry_indexes: true or false is expected, not 'yes'."),
        (
            ("apt", 0, "sources"),
            "mirror",
            "apt[0].sources: either the word host or a list of sources is expected here.",
        ),
        (("apt", 0, "sources"), [], "apt[0].sources: either the word host or a list of sources is expected here."),
        (
            ("apt", 0, "sources", 0),
            None,
            "apt[0].sources[0]: a dictionary with uri, suites, components, signed_by is expected here, not nothing.",
        ),
        (("apt", 0, "sources", 0, "signed_by"), KeyError, "apt[0].sources[0].signed_by: is required."),
        (
            ("apt", 0, "sources", 0, "uri"),
            "ftp://x/y",
            "apt[0].sources[0].uri: 'ftp://x/y' is neither an http, https or file URL nor an absolute path.",
        ),
        (
            ("apt", 0, "sources", 0, "uri"),
            "http://me:secret@x/y",
            "apt[0].sources[0].uri: the URL names a user or password; credentials must not enter a lock or a bundle.",
        ),
        (("files", 0, "url"), "http://[x", "files[0].url: 'http://[x' is not a URL: Invalid IPv6 URL."),
        (
            ("files", 0, "url"),
            "server.tar.gz",
            "files[0].url: 'server.tar.gz' is neither an http, https or file URL nor an absolute path.",
        ),
        (
            ("files", 0, "url"),
            "file://host/x",
            "files[0].url: 'file://host/x' is neither an http, https or file URL nor an absolute path.",
        ),
        (("files", 0, "url"), KeyError, "files[0].url: is required."),
        (
            ("files", 0),
            ["x"],
            "files[0]: a dictionary with name, url, destination, kind, version, sha256, signature, unverified "
            "is expected here, not a list.",
        ),
        (
            ("files", 0, "destination"),
            "../etc/passwd",
            "files[0].destination: '../etc/passwd' is not a plain relative path such as mattermost/server.tar.gz.",
        ),
        (
            ("files", 0, "destination"),
            "/etc/x",
            "files[0].destination: '/etc/x' is not a plain relative path such as mattermost/server.tar.gz.",
        ),
        (
            ("files", 0, "destination"),
            5,
            "files[0].destination: 5 is not a plain relative path such as mattermost/server.tar.gz.",
        ),
        (("files", 0, "kind"), "tarball", "files[0].kind: 'tarball' is none of file, mattermost_release, plugin."),
        (("files", 0, "version"), 11.7, "files[0].version: a text is expected here, not 11.7. Put 11.7 in quotes."),
        (("files", 0, "sha256"), "abc", "files[0].sha256: 'abc' is not a sha256 of 64 lower-case hexadecimal digits."),
        (
            ("files", 0, "signature"),
            "x.sig",
            "files[0].signature: a dictionary with url, keyring is expected here, not 'x.sig'.",
        ),
        (("files", 0, "signature", "keyring"), KeyError, "files[0].signature.keyring: is required."),
        (("apt", 0, "sources", 0, "components"), KeyError, "apt[0].sources[0].components: is required."),
        (
            ("apt", 0, "sources", 0, "suites"),
            ["./"],
            "apt[0].sources[0]: './' ends with a slash: such a source has no components and no other suites.",
        ),
        (
            ("apt", 0, "pins"),
            [{"package": "*", "pin": "version 1", "priority": 5}],
            "apt[0].pins[0]: a version is pinned for named packages, not for all.",
        ),
        (
            ("apt", 0, "pins"),
            [{"package": "x", "pin": "release a=/x/", "priority": 0}],
            "apt[0].pins[0].priority: a number from -32767 to 32767 is expected, but not 0.",
        ),
        (("apt", 0, "pins"), [{"package": "x", "pin": "release a"}], "apt[0].pins[0].priority: is required."),
        (("apt", 0, "recommends"), "yes", "apt[0].recommends: true or false is expected, not 'yes'."),
        (
            ("apt", 0, "installed"),
            ["relative/path"],
            "apt[0].installed[0]: 'relative/path' is not an absolute path, or a package and its version.",
        ),
        (("files", 0, "unverified"), {"reason": ""}, "files[0].unverified.reason: say why, in words."),
        (("files", 0, "unverified"), True, "files[0].unverified: a dictionary with reason is expected here, not True."),
    ],
)
def test_a_mistake_has_one_sentence(path: Tuple[Any, ...], value: Any, said: str) -> None:
    assert problems(mistake(path, value)) == said


def test_what_nothing_vouches_for_is_refused() -> None:
    document = mistake(("files", 0, "signature"), KeyError)
    del document["files"][0]["sha256"]
    assert (
        problems(document) == "files[0]: give sha256 or signature, or say in unverified.reason why neither can be had."
    )
    document["files"][0]["unverified"] = {"reason": "made on this machine"}
    assert Bom.parse(document).files[0].unverified == "made on this machine"


def test_names_and_places_are_given_once() -> None:
    document = copy.deepcopy(GOOD)
    document["files"].append({**document["files"][0], "destination": "other"})
    assert problems(document) == "files: the name 'server' is given to more than one file."
    document["files"][1].update(name="other", destination="mattermost/server.tar.gz")
    assert problems(document) == "files: the destination 'mattermost/server.tar.gz' is given to more than one file."


def test_an_empty_one_is_refused() -> None:
    assert problems({"name": "site"}) == f"BOM: it names nothing to carry; give {' or '.join(CARRYING)}."
    assert problems("bom.yml").startswith("BOM: a dictionary with name,")
    assert problems([]).startswith("BOM: a dictionary with name,")


def test_all_mistakes_are_told_at_once() -> None:
    document = mistake(("files", 0, "kind"), "tarball")
    document["apt"][0]["release"] = "Debian 12"
    assert len(problems(document).splitlines()) == 2


def test_several_are_joined_under_the_name_of_the_first() -> None:
    second = {"name": "more", "apt": [{**GOOD["apt"][0], "packages": ["nginx", "curl"], "exclude": ["postfix"]}]}
    bom = Bom.parse([GOOD, second])
    assert bom.name == "site"
    assert len(bom.apt) == 1
    assert bom.apt[0].packages == ("nginx", "curl")
    assert bom.apt[0].exclude == ("exim4", "postfix")
    assert Bom.parse([GOOD]) == Bom.parse(GOOD)


def test_several_say_which_one_is_wrong() -> None:
    second = {"name": "more", "files": [{**GOOD["files"][0], "url": "nowhere"}]}
    assert problems([GOOD, second]).startswith("more: files[0].url: 'nowhere' is neither")
    assert problems([GOOD, {"apt": 3}]).startswith("BOM 2: name: is required.")
    other = {"name": "more", "apt": [{**GOOD["apt"][0], "release": "trixie"}]}
    assert problems([GOOD, other]) == (
        "apt: the name 'debian-12' stands for bookworm amd64 and for trixie amd64. A repository has one release and one "
        "architecture: give each a name of its own, such as debian-12-trixie."
    )
    other = {"name": "more", "apt": [{**GOOD["apt"][0], "architecture": "arm64"}]}
    assert problems([GOOD, other]).endswith("give each a name of its own, such as debian-12-arm64.")
    other = {"name": "more", "apt": [{**GOOD["apt"][0], "sources": "host"}]}
    assert problems([GOOD, other]) == (
        "apt: the name 'debian-12' stands for different sources, those of the host and others."
    )
