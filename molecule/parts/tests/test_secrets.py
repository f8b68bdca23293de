# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""No secret of the inventory lies open on a host: not in a file that others may read, not in a command line, not in a journal."""

from __future__ import annotations

import pytest
from conftest import SECRETS, run, said

HOSTS = ("alpha-host", "alpha-media")


def test_the_inventory_has_secrets():
    assert len(SECRETS) > 12


@pytest.mark.parametrize("host", HOSTS)
def test_no_file_that_others_may_read_holds_one(host):
    """One that is planted is found, so that the search does see."""
    script = (
        "umask 077; cat > /root/wanted; echo 'it is rehearsal-Planted' > /opt/planted; chmod 644 /opt/planted;"
        "find / -xdev \\( -path /srv/recorder -o -path /proc -o -path /sys \\) -prune -o -type f -perm -004 -size -2M -print0"
        " | xargs -0 grep -lF -f /root/wanted; rm /root/wanted /opt/planted"
    )
    done = run(host, "sh", "-c", script, stdin="\n".join([*SECRETS, "rehearsal-Planted"]) + "\n")
    assert done.stdout == "/opt/planted\n"


@pytest.mark.parametrize("host", HOSTS)
def test_no_command_line_and_no_journal_shows_one(host):
    shown = said(host, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; journalctl --no-pager -o cat")
    assert [secret for secret in SECRETS if secret in shown] == []


@pytest.mark.parametrize(
    ("host", "path", "owner"),
    [
        ("alpha-host", "/etc/mattermost/mattermost.env", "root"),
        ("alpha-host", "/etc/mattermost/config.json", "mattermost"),
        ("alpha-media", "/etc/mattermost-calls/rtcd.toml", "rtcd"),
        ("alpha-media", "/etc/mattermost-calls/calls-offloader.toml", "calls-offloader"),
        ("alpha-media", "/etc/mattermost-push-proxy/mattermost-push-proxy.json", "mattermost-push-proxy"),
        ("alpha-media", "/etc/mattermost-push-proxy/apple_rn.pem", "mattermost-push-proxy"),
        ("alpha-media", "/etc/mattermost-push-proxy/android_rn.json", "mattermost-push-proxy"),
    ],
)
def test_a_file_with_secrets_is_its_service_s_alone(host, path, owner):
    assert said(host, "stat", "-c", "%U %a", path).split() == [owner, "600"]
