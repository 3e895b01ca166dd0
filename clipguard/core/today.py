"""The date, which only expiries depend on."""

from __future__ import annotations

import os
from datetime import date, datetime, timezone

from clipguard.core.errors import UsageError

VARIABLE = "SOURCE_DATE_EPOCH"


def today() -> date:
    """The date in UTC; ``SOURCE_DATE_EPOCH`` (seconds since 1970) fixes it.

    Raises:
        UsageError: the variable holds no point in time.
    """
    given = os.environ.get(VARIABLE, "")
    if not given:
        return datetime.now(timezone.utc).date()
    try:
        return datetime.fromtimestamp(int(given), timezone.utc).date()
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            "usage.source_date",
            f"{given!r} is no number of seconds since 1970",
            where=VARIABLE,
            remedy="set it to one, or unset it",
        ) from error
