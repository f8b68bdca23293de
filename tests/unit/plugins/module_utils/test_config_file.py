# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import stat

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils import _config_file as config_file
from ansible_collections.fieldops.mattermost.plugins.module_utils._errors import MattermostError
from ansible_collections.fieldops.mattermost.plugins.module_utils._settings import FRESH_INSTALL, nest

# As the server writes it: four spaces, its own order, no line end, HTML characters escaped.
SERVER_TEXT = (
    '{\n    "TeamSettings": {\n        "SiteName": "R\\u0026D \\u003cü\\u003e",\n        "MaxUsersPerTeam": 50\n    },\n'
    '    "PluginSettings": {\n        "Plugins": {},\n        "SignaturePublicKeyFiles": []\n    }\n}'
)
USERS = ("TeamSettings", "MaxUsersPerTeam")


def test_only_the_change_changes(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(SERVER_TEXT)
    path.chmod(0o640)
    inode = path.stat().st_ino
    config_file.write(str(path), config_file.read(str(path)), {USERS: 5})
    assert path.read_text() == SERVER_TEXT.replace("50", "5")
    assert (path.stat().st_ino, stat.S_IMODE(path.stat().st_mode)) == (inode, 0o640)


def test_a_new_file_is_private(tmp_path):
    path = tmp_path / "config.json"
    old = os.umask(0)
    try:
        config_file.write(str(path), {}, {USERS: 5})
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"TeamSettings": {"MaxUsersPerTeam": 5}}


def test_read(tmp_path):
    path = tmp_path / "config.json"
    assert config_file.read(str(path)) is None
    path.write_text(" \n")
    assert config_file.read(str(path)) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [("{bad", "not valid JSON (.*line 1 column 2.*Mend or restore it"), ("[]", "does not hold an object")],
)
def test_bad_files(tmp_path, text, words):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(MattermostError, match=words.replace("(", r"\(", 1)):
        config_file.read(str(path))


def test_not_to_be_read_or_written(tmp_path):
    with pytest.raises(MattermostError, match=r"Is a directory. Become root or its owner"):
        config_file.read(str(tmp_path))
    with pytest.raises(MattermostError, match=r"Cannot write the configuration file .*: Is a directory"):
        config_file.write(str(tmp_path), {}, {})


def test_where_to_start(tmp_path):
    path, initial = tmp_path / "config.json", tmp_path / "shipped.json"
    assert config_file.start_of(str(path), None) == nest(FRESH_INSTALL)
    with pytest.raises(MattermostError, match=r"Cannot start from initial_path .*: there is no such file"):
        config_file.start_of(str(path), str(initial))
    initial.write_text('{"A": {"b": 1}}')
    assert config_file.start_of(str(path), str(initial)) == {"A": {"b": 1}}
    path.write_text('{"C": {"d": 1}}')
    assert config_file.start_of(str(path), str(initial)) == {"C": {"d": 1}}
