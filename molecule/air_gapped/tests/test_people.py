# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""What people do with it, from outside, through the proxy."""

from __future__ import annotations

import hashlib
import os

import pytest
from conftest import MARIA, SITE, Person, websocket_handshake


@pytest.fixture(scope="module")
def maria(room) -> Person:
    return Person(*MARIA)


def test_someone_posts_and_reads(maria, room, admin):
    post = maria.ask("POST", "/posts", {"channel_id": room["channel"]["id"], "message": "watch set"})
    assert admin.ask("GET", f"/posts/{post['id']}")["message"] == "watch set"


def test_a_large_file_goes_up_and_comes_back(maria, room, admin):
    content = os.urandom(60 * 1024 * 1024)
    file_id = maria.upload(room["channel"]["id"], "chart.bin", content)
    maria.ask("POST", "/posts", {"channel_id": room["channel"]["id"], "message": "the chart", "file_ids": [file_id]})
    assert hashlib.sha256(admin.ask("GET", f"/files/{file_id}")).digest() == hashlib.sha256(content).digest()


def test_the_websocket_opens_for_the_site_and_not_for_others():
    assert websocket_handshake(f"https://{SITE}") == 101
    assert websocket_handshake("https://elsewhere.example.com") == 403


def test_nobody_becomes_administrator_by_asking(admin):
    anybody = Person.__new__(Person)
    anybody.token = ""
    with pytest.raises(AssertionError, match="403"):
        anybody.ask(
            "POST", "/users", {"username": "intruder", "email": "i@example.mil", "password": "Intruder-pass-2026"}
        )
