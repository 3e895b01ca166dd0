"""Studies of accuracy and speed. Nothing in clipguard imports from here."""

import os

# Processes that run side by side share the cores; threads of each would wait for one another.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
