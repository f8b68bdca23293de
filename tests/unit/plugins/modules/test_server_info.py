# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.fieldops.mattermost.tests.unit.fake_server import error

CLIENT = {
    "Version": "9.11.0",
    "BuildNumber": "9.11.0",
    "BuildHash": "f2e9bd0",
    "BuildEnterpriseReady": "false",
    "SiteURL": "https://h",
    "NoAccounts": "true",
}
HEALTHY = {"status": "OK", "database_status": "OK", "filestore_status": "OK", "ActiveSearchBackend": "database"}


@pytest.fixture
def run(run_module, fake):
    fake.routes[("GET", "/config/client")] = CLIENT
    fake.routes[("GET", "/system/ping")] = HEALTHY
    fake.routes[("GET", "/license/client")] = {"IsLicensed": "false"}
    fake.routes[("GET", "/system/schema/version")] = [{"version": 123}, {"version": 122}]
    return lambda **args: run_module("server_info", socket_path=fake.socket_path, **args)


def test_all(run, fake):
    result = run(check=True)
    assert not result["changed"] and not fake.writes
    assert fake.asked("GET", "/system/ping")[0].query == "get_server_status=true&use_rest_semantics=true"
    assert result["server"] == {
        "version": "9.11.0",
        "build_number": "9.11.0",
        "build_hash": "f2e9bd0",
        "enterprise_ready": False,
        "site_url": "https://h",
        "no_accounts": True,
        "status": "OK",
        "database_status": "OK",
        "filestore_status": "OK",
        "search_backend": "database",
        "schema_version": 123,
        "license": {"is_licensed": False, "id": "", "sku_short_name": "", "expires_at": 0},
    }


def test_database_down(run, fake):
    fake.routes[("GET", "/system/ping")] = {**HEALTHY, "status": "UNHEALTHY", "database_status": "UNHEALTHY"}
    server = run()["server"]
    assert (server["database_status"], server["schema_version"]) == ("UNHEALTHY", None)
    assert not fake.asked("GET", "/system/schema/version")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_not_allowed_to_know(run, fake, status):
    fake.routes[("GET", "/system/schema/version")] = error(status, "x")
    assert run()["server"]["schema_version"] is None


def test_schema_fails(run, fake, pauses):
    fake.routes[("GET", "/system/schema/version")] = error(500, "x")
    assert "Cannot read the version of the database schema: HTTP 500" in run()["msg"]


def test_server_goes_down_in_the_middle(run, fake, pauses):
    fake.routes[("GET", "/config/client")] = lambda request: None
    assert "Cannot read the server's version: the connection to the socket" in run()["msg"]


def test_new_database(run, fake):
    fake.routes[("GET", "/system/schema/version")] = []
    assert run()["server"]["schema_version"] is None
