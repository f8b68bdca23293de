# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Secrets are nowhere they should not be: not in what a run prints, not in logs, process lists or readable files."""

from __future__ import annotations

import pytest
from conftest import ADDRESSES, SECRETS, playbook


def test_a_run_prints_no_secret():
    run = playbook("-vvv", "--diff", "--check", "fieldops.mattermost.air_gapped")
    output = run.stdout + run.stderr
    assert run.returncode == 0, output[-3000:]
    assert [secret for secret in SECRETS if secret in output] == []
    assert "BEGIN PRIVATE KEY" not in output
    assert "BEGIN EC PRIVATE KEY" not in output


@pytest.mark.parametrize("name", list(ADDRESSES))
def test_a_host_shows_no_secret(hosts, name):
    host = hosts[name]
    for secret in SECRETS:
        # The pattern is split so that the search does not find itself.
        pattern = f"[{secret[0]}]{secret[1:]}".replace("+", "\\+").replace("/", "\\/")
        assert host.run("journalctl --no-pager -o cat | grep -F -c -- %s", secret).stdout.strip() == "0"
        assert host.run("ps axww -o args | grep -E -- %s", pattern).stdout == ""
        readable = host.run(
            "find / -xdev -type f -perm -004 -size -2M -not -path '/proc/*' -not -path '/sys/*' -exec grep -lF -- %s {} +",
            secret,
        )
        assert readable.stdout == ""


@pytest.mark.parametrize("name", list(ADDRESSES))
def test_private_keys_are_root_s_alone(hosts, name):
    found = hosts[name].run(
        "find /etc /srv /opt /var -xdev -type f -perm -004 -size -64k -exec grep -l -e '-----BEGIN .*PRIVATE KEY-----' {} +"
    )
    assert found.stdout == ""
