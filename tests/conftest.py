"""One thread a process: the suite runs its own processes side by side."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
