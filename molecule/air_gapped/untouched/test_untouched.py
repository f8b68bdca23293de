# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""After a run in check mode on hosts that have nothing yet: they still have nothing."""

from __future__ import annotations

import pytest
from conftest import ADDRESSES, WORK


@pytest.mark.parametrize("name", list(ADDRESSES))
def test_check_mode_changed_nothing(hosts, name):
    host = hosts[name]
    for path in (
        "/etc/mattermost",
        "/opt/mattermost",
        "/srv/mattermost-depot",
        "/etc/mattermost-firewall",
        "/etc/mattermost-depot",
    ):
        assert not host.file(path).exists, path
    assert host.run("find /etc/apt -name '*parked*' -o -name '*mattermost*'").stdout == ""
    assert host.run("dpkg-query -W nginx postgresql nftables gnupg").stdout.count("\t1") == 0
    assert host.run("id mattermost").rc != 0


def test_check_mode_made_no_certificate_authority():
    assert not (WORK / "site-ca").exists()
