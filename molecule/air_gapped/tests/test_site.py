# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The site's hosts: where their software came from, what answers, what is confined."""

from __future__ import annotations

import functools
import operator
import socket
import ssl

import pytest
from conftest import ADDRESSES, SITE, WORK, effective_settings, https, releases

CLIENTS = [name for name in ADDRESSES if name != "depot"]
PACKAGES = {"database": "postgresql-common", "server1": "nftables", "server2": "nftables", "proxy": "nginx"}
OPEN = {"depot": {22}, "database": {22}, "server1": {22}, "server2": {22}, "proxy": {22, 80, 443}}


@pytest.mark.parametrize("name", CLIENTS)
def test_the_depot_is_the_only_package_source(hosts, name):
    sources = hosts[name].check_output("apt-get indextargets --format '$(SITE)' | sort -u").split()
    assert [source.split("/apt/")[0] for source in sources] == [f"https://{ADDRESSES['depot']}"]


@pytest.mark.parametrize(("name", "package"), PACKAGES.items())
def test_the_package_came_from_the_depot(hosts, name, package):
    policy = hosts[name].check_output("apt-cache policy %s", package)
    installed = policy.split("***")[1]
    assert f"https://{ADDRESSES['depot']}" in installed.split("/var/lib/dpkg/status")[0]


@pytest.mark.parametrize("name", CLIENTS)
def test_every_package_source_is_signed(hosts, name):
    assert hosts[name].run("grep -rniE 'trusted=yes|Trusted: yes|allow-insecure' /etc/apt").rc == 1


def test_the_release_runs_as_it_was_carried(hosts):
    for name in ("server1", "server2"):
        target = hosts[name].check_output("readlink /opt/mattermost/current")
        assert target == f"versions/{releases()['first']['version']}"
        assert hosts[name].run("find /opt/mattermost/versions/ -not -user root").stdout == ""


@pytest.mark.parametrize("name", list(ADDRESSES))
def test_only_the_ports_of_the_table_answer(name):
    answered = set()
    for port in (21, 22, 25, 53, 80, 111, 443, 2049, 3306, 5432, 8065, 8067, 8074, 8443, 9100):
        try:
            socket.create_connection((ADDRESSES[name], port), timeout=0.5).close()
            answered.add(port)
        except OSError:
            continue
    assert answered == OPEN[name]


def test_tls_is_verified_and_recent():
    connection = https()
    connection.connect()
    assert connection.sock.version() in ("TLSv1.2", "TLSv1.3")
    old = ssl.create_default_context(cafile=str(WORK / "site-ca/ca.pem"))
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with (
        pytest.raises((ssl.SSLError, ConnectionError)),
        socket.create_connection((ADDRESSES["proxy"], 443), timeout=5) as plain,
    ):
        old.wrap_socket(plain, server_hostname=SITE)


def test_http_goes_to_https_and_stays_there():
    connection = https()
    connection.request("GET", "/api/v4/system/ping")
    reply = connection.getresponse()
    assert reply.status == 200
    assert "max-age=" in reply.headers["Strict-Transport-Security"]


def test_each_setting_of_the_scenario_is_effective(hosts, settings):
    version = tuple(int(part) for part in releases()["first"]["version"].split("+")[0].split("."))
    for name in ("server1", "server2"):
        effective = effective_settings(hosts[name])
        for entry in settings:
            since = tuple(int(part) for part in str(entry.get("since", "0")).split("."))
            until = tuple(int(part) for part in str(entry.get("until", "9999")).split("."))
            path = entry.get("path") or entry["key"].split(".")
            if not since <= version < until or path[:2] == ["PluginSettings", "Plugins"]:
                continue  # settings of plugins that are not installed cannot be read back
            assert functools.reduce(operator.getitem, path, effective) == entry["value"], f"{entry['key']} on {name}"


@pytest.mark.parametrize("name", ["server1", "server2"])
def test_the_service_is_confined(hosts, name):
    host = hosts[name]
    service = host.service("mattermost")
    assert service.is_running, host.check_output("journalctl -u mattermost -n 50")
    assert service.is_enabled
    pid = host.check_output("systemctl show -P MainPID mattermost")
    assert host.run("nsenter -t %s -m touch /usr/x /opt/mattermost/current/x", pid).rc != 0
    assert host.run("nsenter -t %s -m touch /var/log/mattermost/x && rm /var/log/mattermost/x", pid).rc == 0


def test_the_database_is_right(hosts):
    query = "sudo -u postgres psql -d mattermost -Atc %s"
    host = hosts["database"]
    if not host.exists("sudo"):
        query = query.replace("sudo", "runuser")

    def ask(sql):
        return host.check_output(query, sql)

    assert int(ask("show server_version_num")) >= 140000
    assert ask("show password_encryption") == "scram-sha-256"
    assert (
        ask("select pg_encoding_to_char(encoding)||' '||datcollate from pg_database where datname='mattermost'")
        == "UTF8 en_US.UTF-8"
    )
    unsafe = "select count(*) from pg_stat_ssl s join pg_stat_activity a using (pid) where a.client_addr is not null and not ssl"
    assert ask(unsafe) == "0"
    assert int(ask("select count(*) from pg_stat_activity where client_addr is not null")) > 0
