# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: The fieldops.mattermost authors
"""The chart source."""

from __future__ import annotations

from typing import List, Sequence

from ..boms.charts import ChartItem
from ..boms.images import ImageItem
from ..workspace import Workspace
from .oci import ImagesResolver


def container_resolvers(
    images: Sequence[ImageItem], charts: Sequence[ChartItem], workspace: Workspace
) -> List[ImagesResolver]:
    return [ImagesResolver(images, lambda: [], workspace)] if images else []
