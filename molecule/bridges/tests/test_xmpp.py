# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""With what the server keeps for the XMPP bridge, its account logs in the way that the plugin does: STARTTLS, then SASL PLAIN."""

from __future__ import annotations

import json

from conftest import SECRETS, plugin_settings, plugins_active, run

LOGIN = """
import base64, json, socket, ssl, sys
host, port, account, password = json.loads(sys.argv[1])
name, domain = account.split("@")
OPEN = f"<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"

def say(line, text, *ends):
    line.sendall(text.encode())
    heard = ""
    while not any(end in heard for end in ends):
        piece = line.recv(4096)
        if not piece:
            break
        heard += piece.decode()
    return heard

line = socket.create_connection((host, port), 10)
plain = say(line, OPEN, "</stream:features>")
assert "PLAIN" not in plain, "the password would be taken in clear"
assert "<proceed" in say(line, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed", "<failure")
line = ssl.create_default_context(cafile="/etc/prosody/certs/xmpp.example.crt").wrap_socket(line, server_hostname=domain)
assert "<mechanism>PLAIN</mechanism>" in say(line, OPEN, "</stream:features>")
secret = base64.b64encode(f"\\0{name}\\0{password}".encode()).decode()
answer = say(line, f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>", "<success", "</failure>")
print("in" if "<success" in answer else "refused")
"""


def settings() -> dict:
    return plugin_settings("com.mattermost.bridge-xmpp")


def login(password: str) -> str:
    host, _colon, port = settings()["xmppserverurl"].rpartition(":")
    given = json.dumps([host, int(port), settings()["xmppusername"], password])
    return run("python3", "-c", LOGIN, given).strip()


def test_the_settings_are_in_the_server_and_messages_are_handed_on():
    assert settings() == {
        "xmppserverurl": "xmpp.example:5222",
        "xmppusername": "bridge@xmpp.example",
        "xmpppassword": SECRETS["xmpp_password"],
        "xmppusernameprefix": "xmpp",
        "xmppresource": "mattermost-bridge",
        "xmppinsecureskipverify": False,
        "enablesync": True,
    }
    assert "com.mattermost.bridge-xmpp" in plugins_active()


def test_the_account_logs_in_over_tls():
    assert login(settings()["xmpppassword"]) == "in"


def test_a_wrong_password_does_not():
    assert login("rehearsal-Bridge-other") == "refused"
