# Copyright: The fieldops.mattermost authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures: what counts as good, and all that does not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Dict

import pytest
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle import openpgp
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.fieldops.mattermost.plugins.module_utils.bundle.openpgp import Keyring, SigningKey, dearmor
from ansible_collections.fieldops.mattermost.tests.unit.upstream import NOW

Keys = Dict[str, SigningKey]
MOMENT = int(NOW)


def ring(key: SigningKey) -> Keyring:
    return Keyring([key.public_key()], what="the key")


def test_a_detached_signature(keys: Keys, tmp_path: Path) -> None:
    key = keys["bundle"]
    signature = key.sign(b"data", clear=False, moment=MOMENT)
    assert ring(key).verify_detached(b"data", signature, what="it") == [key.fingerprint]
    (tmp_path / "file").write_bytes(b"data")
    assert ring(key).verify_detached(str(tmp_path / "file"), dearmor(signature, what="x"), what="it") == [
        key.fingerprint
    ]
    both = Keyring([keys["stranger"].public_key() + key.public_key()], what="two keys")
    assert both.verify_detached(b"data", signature, what="it") == [key.fingerprint]
    with pytest.raises(BundleError, match=r"The signature of it is not good for any key of the key: .*BAD signature"):
        ring(key).verify_detached(b"date", signature, what="it")
    with pytest.raises(BundleError, match=r"No public key"):
        ring(keys["stranger"]).verify_detached(b"data", signature, what="it")


def test_one_bad_signature_spoils_a_good_one(keys: Keys) -> None:
    good = dearmor(keys["bundle"].sign(b"data", clear=False, moment=MOMENT), what="x")
    bad = dearmor(keys["stranger"].sign(b"other", clear=False, moment=MOMENT), what="x")
    both = Keyring([keys["bundle"].public_key(), keys["stranger"].public_key()], what="both")
    with pytest.raises(BundleError, match=r"not good"):
        both.verify_detached(b"data", good + bad, what="it")
    # One by a key that nobody knows does no harm: archives sign with several keys.
    assert ring(keys["bundle"]).verify_detached(b"data", good + bad, what="it") == [keys["bundle"].fingerprint]


def test_a_clear_signed_text(keys: Keys) -> None:
    key = keys["bundle"]
    text = b"one\n- two\n-----BEGIN x\n\nlast\n"
    signed = key.sign(text, clear=True, moment=MOMENT)
    found, signers = ring(key).verify_clearsigned(signed, what="it")
    assert found + b"\n" == text
    assert signers == [key.fingerprint]
    assert key.is_good(text, signed, clear=True)
    assert not key.is_good(b"other\n", signed, clear=True)
    for broken in (
        b"Origin: Evil\n" + signed,
        signed + b"Origin: Evil\n",
        signed.replace(b"one", b"0ne"),
        signed.replace(b"\none", b"\n-----BEGIN PGP SIGNED MESSAGE-----\none"),
        signed.replace(b"Hash: SHA512\n", b"Hash: SHA512\nOrigin: Evil\n"),
        signed + signed,
        b"",
    ):
        with pytest.raises(BundleError):
            ring(key).verify_clearsigned(broken, what="it")


def test_the_same_bytes_again(keys: Keys) -> None:
    key = keys["bundle"]
    assert key.sign(b"x", clear=False, moment=5) == key.sign(b"x", clear=False, moment=6), "never older than the key"
    assert key.sign(b"x", clear=False, moment=MOMENT + 5) == key.sign(b"x", clear=False, moment=MOMENT + 5)
    assert key.is_good(b"x", key.sign(b"x", clear=False, moment=MOMENT), clear=False)
    assert not key.is_good(b"x", None, clear=False)
    assert not key.is_good(b"x", b"junk", clear=False)


@pytest.mark.parametrize(
    ("status", "good"),
    [
        ("[GNUPG:] GOODSIG K name\n[GNUPG:] VALIDSIG F 2026 1 0 4 0 22 10 00 P\n", ["P"]),
        ("[GNUPG:] GOODSIG K name\n[GNUPG:] VALIDSIG F 2026 1 0 4 0 22 10 00\n", ["F"]),
        ("[GNUPG:] GOODSIG K name\n[GNUPG:] VALIDSIG F 2026 1 0 4 0 1 2 00 P\n", []),  # SHA-1
        ("[GNUPG:] EXPKEYSIG K name\n[GNUPG:] VALIDSIG F 2026 1 0 4 0 22 10 00 P\n", []),
        ("[GNUPG:] EXPSIG K name\n[GNUPG:] VALIDSIG F 2026 1 0 4 0 22 10 00 P\n", []),
        ("[GNUPG:] VALIDSIG F 2026 1 0 4 0 22 10 00 P\n", []),
        ("[GNUPG:] GOODSIG K n\n[GNUPG:] VALIDSIG F 2026 1 0 4 0 22 10 00 P\n[GNUPG:] BADSIG L n\n", []),
        ("[GNUPG:] GOODSIG K n\n[GNUPG:] VALIDSIG F 2026 1 0 4 0 22 10 00 P\n[GNUPG:] REVKEYSIG L n\n", []),
    ],
)
def test_what_gpgv_says(status: str, good: list) -> None:
    assert openpgp._read_status(status) == good


def test_keys_are_read_in_every_form_and_nothing_else_is(keys: Keys, tmp_path: Path) -> None:
    armoured = keys["bundle"].public_key()
    binary = dearmor(armoured, what="x")
    assert dearmor(binary, what="x") == binary
    assert dearmor(armoured + armoured, what="x") == binary + binary
    (tmp_path / "key").write_bytes(binary)
    assert Keyring.given(str(tmp_path / "key")).packets == Keyring.given(armoured.decode()).packets
    for data, said in (
        (b"", "holds no OpenPGP data"),
        (b"hello", "holds no OpenPGP data"),
        (b"\x00\x00\x00\x20\x01\x01\x00\x00KBXf", "is a GnuPG keybox"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabcd", "has no end"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!\n-----END PGP PUBLIC KEY BLOCK-----\n", "not base64"),
        (
            b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nabcd\n-----END PGP PRIVATE KEY BLOCK-----\n",
            "holds a private key",
        ),
    ):
        with pytest.raises(BundleError, match=said):
            dearmor(data, what="It")
    with pytest.raises(BundleError, match=r"No public key is given"):
        Keyring.given("")
    with pytest.raises(BundleError, match=r"No such file"):
        Keyring.given(str(tmp_path / "none"))


def test_finding_the_signing_key(keys: Keys, tmp_path: Path) -> None:
    key = keys["bundle"]
    assert SigningKey.find(key.home) == key
    assert SigningKey.find(key.home, "bundle@example.com") == key
    assert SigningKey.find(key.home, key.fingerprint) == key
    with pytest.raises(BundleError, match=r"no usable secret signing key for 'other@example.com' in"):
        SigningKey.find(key.home, "other@example.com")
    with pytest.raises(BundleError, match=r"no usable secret signing key in the GnuPG home /none"):
        SigningKey.find("/none")


def test_making_the_signing_key(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    home = os.path.join(os.path.dirname(keys["bundle"].home), "made")
    assert SigningKey.obtain(home, "", create_as="Made <made@example.com>", check=True) == (None, True)
    assert not os.path.exists(home)
    made, created = SigningKey.obtain(home, "", create_as="Made <made@example.com>")
    assert created and made is not None
    assert os.stat(home).st_mode & 0o777 == 0o700
    assert SigningKey.obtain(home, "", create_as="Made <made@example.com>") == (made, False)
    assert SigningKey.obtain(home, "") == (made, False)
    second = SigningKey.create(home, "Second <second@example.com>")
    with pytest.raises(BundleError, match=r"several secret keys in .* name one by its fingerprint"):
        SigningKey.find(home)
    assert SigningKey.find(home, second.fingerprint) == second
    with pytest.raises(BundleError, match=r"Cannot create a signing key in"):
        SigningKey.create(home, "")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert SigningKey.obtain(home, "", check=True) == (None, True)
    with pytest.raises(BundleError, match=r"Cannot sign: install gpg"):
        SigningKey.find(home)
    with pytest.raises(BundleError, match=r"install gpgv"):
        ring(keys["bundle"]).verify_detached(b"x", b"\x88x", what="it")
    monkeypatch.undo()
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


def test_a_key_that_cannot_sign_is_said(keys: Keys) -> None:
    broken = SigningKey(keys["bundle"].home, "0" * 40, "nobody", 0)
    with pytest.raises(BundleError, match=r"Cannot sign with key 0000"):
        broken.sign(b"x", clear=False, moment=MOMENT)


def test_expired_and_revoked_keys_are_passed_over() -> None:
    listing = (
        "sec:e:255:22:A:100:::u:::scSC:::+::::23::0:\nfpr:::::::::EXPIRED:\nuid:e::::1::H::Old::::::::::0:\n"
        "sec:u:255:22:B:100:::u:::cC:::+::::23::0:\nfpr:::::::::CERTIFYONLY:\n"
        "sec:u:255:22:C:100:::u:::cSC:::+::::23::0:\nfpr:::::::::GOOD:\nuid:u::::1::H::New::::::::::0:\nuid:u::::1::H::Two::::::::::0:\n"
        "ssb:u:255:22:D:200::::::s:::+::::23:\nfpr:::::::::SUBKEY:\n"
    )
    assert openpgp._read_keys(listing, "/h") == [SigningKey("/h", "GOOD", "New", 200)]


@pytest.fixture
def sqv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: Keys) -> Path:
    """A machine like Debian 13, that has sqv and no gpgv. This sqv asks gpgv, which it alone can find."""
    program = tmp_path / "bin/sqv"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nset -e\nwhile [ "$1" != -- ]; do rings="$rings $1"; shift; done\nshift\n'
        f'{shutil.which("gpgv")} --status-fd 1 $rings "$@" 2>/dev/null >{tmp_path}/status || {{ echo bad >&2; exit 1; }}\n'
        f"sed -n 's/.*VALIDSIG .* //p' {tmp_path}/status\n"
    )
    program.chmod(0o755)
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "gpgv" else which(name))
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


def test_sqv_where_there_is_no_gpgv(sqv: Path, keys: Keys) -> None:
    key = keys["bundle"]
    signature = key.sign(b"data", clear=False, moment=MOMENT)
    assert ring(key).verify_detached(b"data", signature, what="it") == [key.fingerprint]
    with pytest.raises(BundleError, match=r"bad"):
        ring(key).verify_detached(b"date", signature, what="it")
