# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""Release files: believed only as far as a signature reaches, a date allows and sha256 goes."""

from __future__ import annotations

import email.utils
import re
from dataclasses import dataclass
from typing import Dict, List, Mapping, Tuple

from ..errors import BundleError
from ..openpgp import Keyring, split_clearsigned
from . import debian

_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{16}|[0-9A-Fa-f]{40})!?")
_END_OF_TIME = 253402300800  # the year 10000, which no stamp of ours can write


@dataclass(frozen=True)
class Release:
    """The signed table of contents of one suite."""

    uri: str
    suite: str
    fields: Mapping[str, str]
    digests: Mapping[str, Tuple[str, int]]
    signed_by: Tuple[str, ...]

    @property
    def where(self) -> str:
        return f"{self.uri} {self.suite}"

    @property
    def date(self) -> float:
        return parse_date(self.fields.get("Date", ""), self.where)

    @property
    def priority(self) -> int:
        """As apt ranks it when nothing else is configured."""
        if self.fields.get("NotAutomatic", "no") == "yes":
            return 100 if self.fields.get("ButAutomaticUpgrades", "no") == "yes" else 1
        return 500

    def check_fresh(self, now: float) -> None:
        limit = self.fields.get("Valid-Until")
        if limit and now > parse_date(limit, self.where):
            raise BundleError(
                f"The metadata of {self.where} was valid until {limit}. The mirror is behind (or someone holds it back): "
                "use another mirror, and check the clock of this machine."
            )
        if self.date > now + 86400:
            raise BundleError(
                f"The metadata of {self.where} is dated {self.fields['Date']}: check the clock of this machine."
            )

    def check_suite(self) -> None:
        """A validly signed Release of another suite must not pass for the wanted one."""
        names = {self.fields.get("Suite"), self.fields.get("Codename")} - {None}
        if names and self.suite not in names and not self.suite.endswith("/"):
            told = " and ".join(sorted(str(name) for name in names))
            raise BundleError(f"{self.where} answers with the metadata of {told}. Correct the suite, or the mirror.")

    def index_paths(self, component: str, architecture: str) -> List[str]:
        """Indexes of a component, without the ending of their compression. Some archives list 'all' apart."""
        if not component:
            return ["Packages"]
        paths = [f"{component}/binary-{architecture}/Packages"]
        apart = "all" in self.fields.get("Architectures", "").split()
        if apart and "Packages" not in self.fields.get("No-Support-for-Architecture-all", "").split():
            paths.append(f"{component}/binary-all/Packages")
        return paths


def parse_date(text: str, where: str) -> float:
    try:
        parsed = email.utils.parsedate_tz(text)
        moment = email.utils.mktime_tz(parsed) if parsed is not None else -1
    except (ValueError, OverflowError):
        moment = -1
    if not 0 <= moment < _END_OF_TIME:
        raise BundleError(f"The metadata of {where} has no usable date: {text!r}.")
    return float(moment)


def read_release(text: bytes, *, uri: str, suite: str, signed_by: List[str]) -> Release:
    """Parse what was verified."""
    fields = debian.parse_stanza(text.decode("utf-8", "replace"))
    digests: Dict[str, Tuple[str, int]] = {}
    for line in fields.get("SHA256", "").splitlines():
        parts = line.split()
        if len(parts) == 3 and re.fullmatch(r"[0-9a-f]{64}", parts[0]) and debian.SIZE.fullmatch(parts[1]):
            digests[parts[2]] = (parts[0], int(parts[1]))
    if not digests:
        raise BundleError(f"The metadata of {uri} {suite} lists no SHA256 digests; MD5 and SHA1 are not believed.")
    return Release(uri, suite, fields, digests, tuple(signed_by))


def verify_inrelease(
    data: bytes, *, uri: str, suite: str, signed_by: Tuple[str, ...], default_keyrings: List[str]
) -> Release:
    """An InRelease checked against the keys that its source names, or else those apt trusts anyway."""
    keyring, allowed = keyring_for(signed_by, default_keyrings, where=f"{uri} {suite}")
    text, signers = keyring.verify_clearsigned(data, what=f"the metadata of {uri} {suite}")
    check_signer(signers, allowed, where=f"{uri} {suite}")
    return read_release(text, uri=uri, suite=suite, signed_by=signers)


def check_signer(signers: List[str], allowed: List[str], *, where: str) -> None:
    """A Signed-By that names fingerprints allows these keys only."""
    if allowed and not any(signer.endswith(tuple(allowed)) for signer in signers):
        raise BundleError(f"The metadata of {where} is signed by {', '.join(signers)}, not by {', '.join(allowed)}.")


def keyring_for(signed_by: Tuple[str, ...], default_keyrings: List[str], *, where: str) -> Tuple[Keyring, List[str]]:
    """The keyring of a Signed-By: paths, one armoured key, or fingerprints of keys in the default keyrings."""
    allowed = [entry.rstrip("!").upper() for entry in signed_by if _FINGERPRINT.fullmatch(entry)]
    if any("BEGIN PGP" in entry for entry in signed_by):
        return Keyring([entry.encode() for entry in signed_by], what=f"the key given for {where}"), []
    paths = [entry for entry in signed_by if not _FINGERPRINT.fullmatch(entry)] or default_keyrings
    if not paths:
        raise BundleError(f"No key is known for {where}: give signed_by in the BOM, or Signed-By in the apt source.")
    return Keyring.from_files(paths), allowed


def is_stale(text: bytes, than: bytes) -> bool:
    """Whether one clear-signed Release is older than another: a mirror that lags must not take us back."""
    first, second = (date_of(split_clearsigned(data, what="it")[0], "it") for data in (text, than))
    return first < second


def date_of(release: bytes, where: str) -> float:
    return parse_date(debian.parse_stanza(release.decode("utf-8", "replace")).get("Date", ""), where)
