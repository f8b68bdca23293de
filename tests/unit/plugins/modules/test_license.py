# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import FakeServer, error

UNLICENSED = {"IsLicensed": "false"}


def licence(name="licence-one", **more):
    """The form of a licence file; no server would take its signature."""
    document = {"id": name, "sku_short_name": "enterprise", "expires_at": 1830297600000, **more}
    return base64.b64encode(json.dumps(document).encode() + b"s" * 256 + b"\0").decode()


def licensed(name="licence-one", sku="enterprise"):
    return {"IsLicensed": "true", "Id": name, "SkuShortName": sku, "ExpiresAt": "1830297600000"}


@pytest.fixture
def run(run_module, fake):
    fake.routes[("GET", "/config/client")] = {"BuildEnterpriseReady": "true"}
    fake.routes[("POST", "/license")] = {}
    fake.routes[("DELETE", "/license")] = {"status": "OK"}

    def call(server, **args):
        fake.routes[("GET", "/license/client")] = server
        return run_module("license", socket_path=fake.socket_path, **args)

    return call


@pytest.mark.parametrize(
    ("state", "changed"),
    [
        (UNLICENSED, True),
        (licensed(), False),
        (licensed("licence-two"), True),
        (licensed("", "entry"), True),
        ({"IsLicensed": "true"}, True),
    ],
)
def test_install(run, fake, state, changed):
    predicted = run(state, check=True, content=licence())
    assert predicted["changed"] is changed and not fake.writes
    result = run(state, content=licence())
    assert (result["changed"], fake.writes) == (changed, ["POST /license"] if changed else [])
    assert result["license"]["id"] == "licence-one"
    assert licence() not in result["text"] and "warnings" not in result
    if changed:
        assert licence().encode() in fake.requests[-2].body or licence().encode() in fake.requests[-1].body


def test_from_a_file(run, fake, tmp_path):
    file = tmp_path / "licence"
    file.write_text(licence() + "\n")
    assert run(UNLICENSED, path=str(file))["changed"]
    assert "No such file" in run(UNLICENSED, path=str(tmp_path / "none"))["msg"]


@pytest.mark.parametrize(
    ("state", "changed"), [(UNLICENSED, False), (licensed(), True), (licensed("", "entry"), False)]
)
def test_remove(run, fake, state, changed):
    assert run(state, check=True, state="absent")["changed"] is changed and not fake.writes
    result = run(state, state="absent")
    assert (result["changed"], result["license"]) == (changed, {})
    assert fake.writes == (["DELETE /license"] if changed else [])


@pytest.mark.parametrize(
    "content", ["abc", "####", base64.b64encode(b"[]" + b"s" * 256).decode(), licence(expires_at="x")]
)
def test_no_licence_file(run, fake, content):
    result = run(UNLICENSED, content=content)
    assert "it has not the form of a licence file" in result["msg"] and not fake.writes


@pytest.mark.parametrize(
    ("error_id", "words"),
    [
        ("api.license.add_license.invalid.app_error", "The file is damaged, is no licence"),
        ("api.license.add_license.expired.app_error", "Ask for a renewed licence, and check the clock"),
        ("api.license.add_license.unique_users.app_error", "Deactivate accounts"),
    ],
)
def test_refused(run, fake, error_id, words):
    fake.routes[("POST", "/license")] = error(400, error_id)
    result = run(UNLICENSED, content=licence())
    assert (result["status"], result["error_id"]) == (400, error_id) and words in result["msg"]


def test_team_edition_is_warned_about(run, fake):
    fake.routes[("GET", "/config/client")] = {"BuildEnterpriseReady": "false"}
    assert "This is a Team Edition server" in run(UNLICENSED, content=licence())["text"]


def test_no_permission(run, fake):
    result = run(error(403, "api.context.permissions.app_error"), content=licence())
    assert result["status"] == 403
    for route, args in ((("POST", "/license"), {"content": licence()}), (("DELETE", "/license"), {"state": "absent"})):
        fake.routes[route] = error(403, "api.context.permissions.app_error")
        result = run(licensed("licence-two"), **args)
        assert "The account needs the permission manage_license_information." in result["msg"]


def test_server_goes_down_in_the_middle(run, fake, pauses):
    for route, args in ((("POST", "/license"), {"content": licence()}), (("DELETE", "/license"), {"state": "absent"})):
        fake.routes[route] = lambda request: None
        result = run(licensed("licence-two"), **args)
        assert "the licence: the connection to the socket" in result["msg"] and "See the server's log." in result["msg"]


# Sockets of older servers do not tell; their port says yes or no.


@pytest.mark.parametrize(
    ("listen", "tls", "seen", "present", "absent"),
    [
        ("{port}", "", UNLICENSED, True, False),
        ("{port}", "", {"IsLicensed": "true", "SkuShortName": "enterprise"}, True, True),
        ("{port}", "TLS", UNLICENSED, True, True),
        ("", "", UNLICENSED, True, True),
    ],
)
def test_older_servers(run, fake, listen, tls, seen, present, absent):
    beside = FakeServer(unix=False)
    beside.routes[("GET", "/license/client")] = seen
    address = listen.format(port=beside.url.replace("http://127.0.0.1", ""))
    fake.routes[("GET", "/config")] = {
        "ServiceSettings": {"ListenAddress": address or "127.0.0.1:1", "ConnectionSecurity": tls, "SiteURL": ""}
    }
    missing = error(404, "api.context.404.app_error")
    try:
        assert run(missing, check=True, content=licence())["changed"] is present
        assert run(missing, check=True, state="absent")["changed"] is absent
    finally:
        beside.stop()
