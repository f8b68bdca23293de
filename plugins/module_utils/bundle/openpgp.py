# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""OpenPGP signatures: checked by gpgv, or by sqv where Debian ships that instead; made by gpg."""

from __future__ import annotations

import base64
import binascii
import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from typing import List, Optional, Sequence, Set, Tuple, Union

from . import fsutil, programs
from .errors import BundleError, told_plainly

_ARMOR = re.compile(
    rb"^-----BEGIN PGP ([A-Z ,/0-9]+)-----[ \t]*\r?\n(.*?)^-----END PGP \1-----[ \t]*\r?$", re.MULTILINE | re.DOTALL
)
_CLEARSIGNED = re.compile(
    rb"-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\r?\n(?:Hash: [A-Za-z0-9, -]+\r?\n)*[ \t]*\r?\n"
    rb"(?P<text>.*?)\r?\n(?P<signature>-----BEGIN PGP SIGNATURE-----(?:(?!-----BEGIN).)*-----END PGP SIGNATURE-----)\s*",
    re.DOTALL,
)
_SAFE_DIGESTS = {"8", "9", "10", "12", "14"}  # RFC 9580: SHA2-256, -384, -512, SHA3-256, -512
_REFUSED = ("BADSIG", "REVKEYSIG")


def dearmor(data: bytes, *, what: str) -> bytes:
    """Binary OpenPGP packets out of binary or ASCII-armoured text (which may hold several blocks)."""
    if b"-----BEGIN PGP" not in data:
        if data[8:12] == b"KBXf":
            raise BundleError(f"{what} is a GnuPG keybox; export the key (gpg --export) and give that file instead.")
        if not data or not data[0] & 0x80:
            raise BundleError(f"{what} holds no OpenPGP data; an exported public key or signature is expected.")
        return data
    binary = b""
    for match in _ARMOR.finditer(data):
        if b"PRIVATE" in match.group(1):
            raise BundleError(f"{what} holds a private key; only its public key belongs there.")
        lines = match.group(2).replace(b"\r", b"").split(b"\n")
        body = lines[lines.index(b"") + 1 :] if b"" in lines else lines
        try:
            binary += base64.b64decode(b"".join(line for line in body if not line.startswith(b"=")), validate=True)
        except binascii.Error as error:
            raise BundleError(f"{what} is damaged: its armour is not base64.") from error
    if not binary:
        raise BundleError(f"{what} is damaged: its OpenPGP armour has no end.")
    return binary


def split_clearsigned(data: bytes, *, what: str) -> Tuple[bytes, bytes]:
    """The text and the signature of a clear-signed file that holds nothing besides."""
    match = _CLEARSIGNED.fullmatch(data)
    if match is None:
        raise BundleError(f"{what} is not one clear-signed message and nothing else.")
    lines = match.group("text").split(b"\n")
    if any(line.startswith(b"-") and not line.startswith(b"- ") for line in lines):
        raise BundleError(f"{what} holds a second message inside the signed one.")
    text = b"\n".join(line[2:] if line.startswith(b"- ") else line for line in lines)
    return text, match.group("signature")


class Keyring:
    """The public keys a signature may come from."""

    def __init__(self, keys: Sequence[bytes], *, what: str) -> None:
        self.what = what
        self.packets = [dearmor(key, what=what) for key in keys]

    @classmethod
    def given(cls, text: str) -> Keyring:
        """From what an option holds: the path of a key file, or the armoured key itself."""
        if not text:
            raise BundleError("No public key is given, and nothing can be verified without one.")
        if "-----BEGIN PGP" in text:
            return cls([text.encode()], what="the given key")
        return cls.from_files([text])

    @classmethod
    def from_files(cls, paths: Sequence[str]) -> Keyring:
        keys = [fsutil.read_plain(os.path.realpath(path)) for path in paths]
        ring = cls([], what=", ".join(paths))
        ring.packets = [dearmor(key, what=path) for key, path in zip(keys, paths)]
        return ring

    def verify_detached(self, data: Union[bytes, str], signature: bytes, *, what: str) -> List[str]:
        """Fingerprints of the keys whose signature on the data (bytes, or the path of a file) is good."""
        with tempfile.TemporaryDirectory(prefix="fieldops-verify-") as directory:
            rings = [_put(directory, f"key-{number}.gpg", key) for number, key in enumerate(self.packets)]
            signed = data if isinstance(data, str) else _put(directory, "data", data)
            detached = _put(directory, "signature.gpg", dearmor(signature, what=f"The signature of {what}"))
            return self._run_verifier(rings, detached, signed, what)

    def verify_clearsigned(self, data: bytes, *, what: str) -> Tuple[bytes, List[str]]:
        """The text that was signed, and by whom. Only this text may be used."""
        text, signature = split_clearsigned(data, what=what)
        return text, self.verify_detached(text, signature, what=what)

    def _run_verifier(self, rings: List[str], signature: str, signed: str, what: str) -> List[str]:
        keyrings = [part for ring in rings for part in ("--keyring", ring)]
        if shutil.which("gpgv"):
            done = programs.run(["gpgv", "--status-fd", "1", *keyrings, signature, signed])
            good, why = _read_status(done.stdout), done.stderr
        elif shutil.which("sqv"):
            done = programs.run(["sqv", *keyrings, "--", signature, signed])
            good = done.stdout.split() if done.returncode == 0 else []
            why = done.stderr
        else:
            raise BundleError(f"Cannot check the signature of {what}: install gpgv (or sqv) on this machine.")
        if not good:
            reason = "; ".join(line.strip(" .") for line in why.splitlines() if line.strip()) or "no usable signature"
            raise BundleError(f"The signature of {what} is not good for any key of {self.what}: {reason}.")
        return good


def _put(directory: str, name: str, data: bytes) -> str:
    path = os.path.join(directory, name)
    with open(path, "wb") as handle:
        handle.write(data)
    return path


def _read_status(status: str) -> List[str]:
    """Primary fingerprints of good signatures. One bad signature, or one of a revoked key, spoils all."""
    good: Set[str] = set()
    trusted = False
    for line in status.splitlines():
        word, *rest = line.replace("[GNUPG:] ", "", 1).split(" ")
        if word in _REFUSED:
            return []
        if word in ("GOODSIG", "EXPKEYSIG", "EXPSIG"):
            trusted = word == "GOODSIG"  # VALIDSIG follows also for an expired key
        elif word == "VALIDSIG" and trusted and rest[7] in _SAFE_DIGESTS:
            good.add(rest[9] if len(rest) > 9 else rest[0])
    return sorted(good)


@dataclass(frozen=True)
class SigningKey:
    """A secret key in a GnuPG home, and when it (or its signing subkey) came to be."""

    home: str
    fingerprint: str
    user_id: str
    created: int

    @classmethod
    def find_all(cls, home: str, wanted: str = "") -> List[SigningKey]:
        """Usable secret signing keys in a home, all or those that match a fingerprint or mail address."""
        if not shutil.which("gpg"):
            raise BundleError("Cannot sign: install gpg (Debian package gnupg) on this machine.")
        if not os.path.isdir(home):
            return []
        argv = ["gpg", "--homedir", home, "--batch", "--with-colons", "--list-secret-keys"]
        return _read_keys(programs.run([*argv, *([wanted] if wanted else [])]).stdout, home)

    @classmethod
    def find(cls, home: str, wanted: str = "") -> SigningKey:
        """The one key that is meant."""
        found = cls.find_all(home, wanted)
        if len(found) == 1:
            return found[0]
        name = f"for {wanted!r} " if wanted else ""
        if not found:
            raise BundleError(f"Cannot sign: there is no usable secret signing key {name}in the GnuPG home {home}.")
        names = ", ".join(key.fingerprint for key in found)
        raise BundleError(f"Cannot sign: several secret keys {name}in {home} ({names}); name one by its fingerprint.")

    @classmethod
    @told_plainly
    def obtain(
        cls, home: str, wanted: str, *, create_as: str = "", check: bool = False
    ) -> Tuple[Optional[SigningKey], bool]:
        """The key, made when it is absent and may be; and whether it was made. With check it may be absent still."""
        if check and not shutil.which("gpg"):
            return None, True
        if not create_as or cls.find_all(home, wanted):
            return cls.find(home, wanted), False
        return (None if check else cls.create(home, create_as)), True

    @classmethod
    def create(cls, home: str, user_id: str) -> SigningKey:
        """A new Ed25519 key without a passphrase."""
        fsutil.make_directory(home)
        os.chmod(home, 0o700)
        argv = ["gpg", "--homedir", home, "--batch", "--passphrase", "", "--pinentry-mode", "loopback"]
        done = programs.run([*argv, "--quick-generate-key", user_id, "ed25519", "sign", "never"])
        if done.returncode:
            raise BundleError(f"Cannot create a signing key in {home}: {done.stderr.strip()}")
        return cls.find(home, f"={user_id}")

    def public_key(self) -> bytes:
        """The armoured public key, minimal, so that it is the same bytes each time."""
        argv = ["gpg", "--homedir", self.home, "--batch", "--armor", "--no-emit-version", "--export-options"]
        return programs.run([*argv, "export-minimal", "--export", self.fingerprint]).stdout.encode()

    def sign(self, data: bytes, *, clear: bool, moment: int) -> bytes:
        """A signature dated at the given moment, not now: the same data and key give the same bytes again."""
        stamp = _gpg_time(max(moment, self.created))
        argv = ["gpg", "--homedir", self.home, "--batch", "--no-tty", "--armor", "--no-emit-version", "--no-comments"]
        argv += ["--digest-algo", "SHA512", "--faked-system-time", f"{stamp}!", "--local-user", self.fingerprint]
        done = programs.run([*argv, "--clear-sign" if clear else "--detach-sign"], data=data)
        if done.returncode or not done.stdout:
            raise BundleError(f"Cannot sign with key {self.fingerprint} of {self.home}: {done.stderr.strip()}")
        return done.stdout.encode()

    def is_good(self, data: bytes, signature: Optional[bytes], *, clear: bool) -> bool:
        """Whether a signature is there and good already, so that nothing need be signed again."""
        if signature is None:
            return False
        ring = Keyring([self.public_key()], what=f"key {self.fingerprint}")
        try:
            if clear:
                return ring.verify_clearsigned(signature, what="it")[0].rstrip(b"\n") == data.rstrip(b"\n")
            return bool(ring.verify_detached(data, signature, what="it"))
        except BundleError:
            return False


def _gpg_time(moment: int) -> str:
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(moment))


def _read_keys(colons: str, home: str) -> List[SigningKey]:
    """Keys out of gpg's machine-readable listing. The date is that of the newest signing part."""
    found: List[SigningKey] = []
    fingerprint = user_id = ""
    created, usable, primary = 0, False, False
    for line in [*colons.splitlines(), "sec:::::"]:
        field = line.split(":")
        if field[0] == "sec":
            if fingerprint and usable:
                found.append(SigningKey(home, fingerprint, user_id, created))
            fingerprint, user_id, created, primary = "", "", 0, True
            usable = len(field) > 11 and "S" in field[11] and field[1] not in ("e", "r", "d", "i")
        if field[0] in ("sec", "ssb") and len(field) > 11 and "s" in field[11]:
            created = max(created, int(field[5]))
        if field[0] == "fpr" and primary:
            fingerprint, primary = field[9], False
        if field[0] == "uid" and not user_id:
            user_id = field[9]
    return found
