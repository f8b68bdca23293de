# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What an operator sees: no secret, one list of all that is wrong, and tokens that change on both sides in one run."""

from __future__ import annotations

import secrets

import pytest
from conftest import SECRETS, Matrix, ask, playbook, plugin_settings, run

FRESH = {"as": f"rehearsal-new-{secrets.token_hex(16)}", "hs": f"rehearsal-new-{secrets.token_hex(16)}"}


@pytest.fixture
def a_new_token():
    """Afterwards the old one is back."""
    yield FRESH["as"]
    done = playbook()
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_run_prints_no_secret():
    given = [f"-emattermost_bridge_matrix_{name}_token={token}" for name, token in FRESH.items()]
    done = playbook("-vvv", "--diff", "--check", *given)
    output = (done.stdout + done.stderr).replace(" ".join(given), "")
    assert done.returncode == 0, output[-3000:]
    assert "changed=0" not in output
    told = [
        line for line in output.splitlines() if any(secret in line for secret in (*SECRETS.values(), *FRESH.values()))
    ]
    assert told == []


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_changed():
    before = plugin_settings("com.mattermost.plugin-matrix-bridge")
    done = playbook(
        "-emattermost_bridge_matrix_as_token=short",
        "-emattermost_bridge_matrix_server_url=http://10.0.0.1",
        "-emattermost_bridge_xmpp_server=xmpp.example",
    )
    assert done.returncode == 2
    for said in (
        "mattermost_bridge_matrix_as_token must be 32 characters",
        "begins with http://",
        "mattermost_bridge_xmpp_server is 'xmpp.example'",
    ):
        assert said in done.stdout, done.stdout[-3000:]
    assert "changed=0" in done.stdout
    assert plugin_settings("com.mattermost.plugin-matrix-bridge") == before


def test_a_homeserver_that_does_not_answer_takes_nothing_down():
    done = playbook(
        "-emattermost_bridge_matrix_server_url=http://127.0.0.1:9",
        '-e{"mattermost_bridge_homeserver_hosts": []}',
        "-emattermost_bridge_matrix_registration_file=/tmp/mattermost-bridge-test.yaml",
        "--check",
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Messages are not handed on to Matrix yet" in done.stdout
    assert plugin_settings("com.mattermost.plugin-matrix-bridge")["enable_sync"] is True


def test_a_token_changes_on_both_sides_in_one_run(a_new_token):
    done = playbook(f"-emattermost_bridge_matrix_as_token={a_new_token}")
    assert done.returncode == 0, done.stdout[-3000:]
    assert plugin_settings("com.mattermost.plugin-matrix-bridge")["matrix_as_token"] == a_new_token
    assert ask("GET", Matrix.BASE + "/account/whoami", a_new_token)[0] == 200
    assert ask("GET", Matrix.BASE + "/account/whoami", SECRETS["matrix_as_token"])[0] == 401


@pytest.mark.parametrize("name", list(SECRETS))
def test_a_host_shows_no_secret(name):
    secret = SECRETS[name]
    readable = "find / -xdev -type f -perm -004 -size -2M -not -path '/proc/*' -not -path '/sys/*' -exec grep -lF -- \"$0\" {} +"
    assert run("sh", "-c", readable + " || true", secret) == ""
    assert run("sh", "-c", 'journalctl --no-pager -o cat | grep -F -c -- "$0" || true', secret).strip() == "0"
