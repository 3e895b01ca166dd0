"""Pictures per second of the scene generator on one core.

``OMP_NUM_THREADS=1 python -m bench.speed_synth``
"""

from __future__ import annotations

import argparse
import time

from clipguard.pairs.synthetic import SyntheticPairs

WARM_UP = 60


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--count", type=int, default=600)
    given = parser.parse_args()
    pairs = SyntheticPairs(0, WARM_UP + given.count)
    for index in range(WARM_UP):
        pairs.pixels_uint8(index, given.size)
    wall, cpu = time.perf_counter(), time.process_time()
    for index in range(WARM_UP, WARM_UP + given.count):
        pairs.pixels_uint8(index, given.size)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"{given.count} pictures of {given.size} px: {given.count / wall:.0f}/s of wall time, "
        f"{given.count / cpu:.0f}/s of CPU time"
    )


if __name__ == "__main__":
    main()
