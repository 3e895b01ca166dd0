"""What opening a bad file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipguard.checkpoint import open_checkpoint
from clipguard.core.errors import ClipguardError


def error_of(path: Path | str, arch: str | None = None) -> ClipguardError:
    """The error that opening must end in."""
    with pytest.raises(ClipguardError) as error:
        open_checkpoint(path, arch=arch)
    return error.value
