"""The probe that uses the network: whether the Hugging Face Hub answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from huggingface_hub import HfApi

from ganzoo.plugins import CONTAINED, one_line
from ganzoo_workbench.doctor.findings import ok, problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganzoo_workbench.doctor.findings import Finding

_ASKED_FOR = "ylecun/mnist"
_SECONDS = 10.0


def hub() -> Iterator[Finding]:
    """Ask the Hub for a few lines about a public data set; no token is sent."""
    begun = time.monotonic()
    try:
        HfApi(token=False).dataset_info(_ASKED_FOR, timeout=_SECONDS)
    except CONTAINED as error:
        yield problem(
            "hub",
            f"does not answer: {one_line(error)}",
            "Data and models named by a Hub id cannot be fetched; `ganzoo datasets` lists what "
            "needs no network.",
        )
    else:
        yield ok("hub", f"answers within {time.monotonic() - begun:.1f} s")
