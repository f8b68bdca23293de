# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import subprocess

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.fieldops.mattermost.plugins.modules import signature_info


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """A file, its signature, and the keys of its signer and of somebody else."""
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    for name in ("signer@example.com", "other@example.com"):
        subprocess.run(
            [*gpg, "--quick-generate-key", name, "ed25519", "sign", "never"], check=True, capture_output=True
        )
    file = home / "release.tar.gz"
    file.write_bytes(b"a release")
    subprocess.run([*gpg, "-u", "signer@example.com", "--detach-sign", str(file)], check=True, capture_output=True)
    keys = {
        name: subprocess.run(
            [*gpg, "--armor", "--export", f"{name}@example.com"], check=True, capture_output=True, text=True
        ).stdout
        for name in ("signer", "other")
    }
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    return file, keys


def run(capsys, file, key):
    arguments = {"path": str(file), "signature": f"{file}.sig", "public_key": key}
    with patch_module_args(arguments), pytest.raises(SystemExit):
        signature_info.main()
    return json.loads(capsys.readouterr().out)


def test_a_good_signature_names_its_signer(capsys, signed):
    file, keys = signed
    result = run(capsys, file, keys["signer"])
    assert result["changed"] is False
    assert len(result["signers"][0]) == 40


def test_another_key_is_refused(capsys, signed):
    file, keys = signed
    result = run(capsys, file, keys["other"])
    assert result["failed"]
    assert "not good for any key of the given public key" in result["msg"]


def test_a_changed_file_is_refused(capsys, signed, tmp_path):
    file, keys = signed
    changed = tmp_path / file.name
    changed.write_bytes(b"another release")
    (tmp_path / f"{file.name}.sig").write_bytes((file.parent / f"{file.name}.sig").read_bytes())
    result = run(capsys, changed, keys["signer"])
    assert "Do not use" in result["msg"]


def test_a_missing_signature_is_said(capsys, signed, tmp_path):
    result = run(capsys, tmp_path / "absent", signed[1]["signer"])
    assert "No such file" in result["msg"]
