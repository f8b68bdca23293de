# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The kinds of items, and where a depot puts each. A new kind of source adds its line here."""

from __future__ import annotations

import re
from typing import Dict

from .names import PACKAGE, RPM_PACKAGE, SOURCE_FILE
from .oci import DIGEST, REFERENCE

# Parts of a repository of the same kind, by what their names look like.
GROUPED: Dict[str, re.Pattern[str]] = {"apt": PACKAGE, "apt_source": SOURCE_FILE, "rpm": RPM_PACKAGE}
# What images are made of, by what their names look like: they lie in the depot by their digest.
IMAGES: Dict[str, re.Pattern[str]] = {"image": REFERENCE, "blob": DIGEST}
# Single files: the directory of the depot that their destination is relative to.
PLACED = {
    "file": "files",
    "mattermost_release": "files",
    "plugin": "files",
    "collection": "collections",
    "chart": "charts",
    "wheel": "wheels",
}
