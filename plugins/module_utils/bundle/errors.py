# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The one exception that leaves the air-gap engine."""

from __future__ import annotations


class BundleError(Exception):
    """A sentence for the operator: which thing, what is wrong with it, what to do."""
