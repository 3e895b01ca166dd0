"""``python -m clipguard``."""

import sys

from clipguard.cli import main

if __name__ == "__main__":
    sys.exit(main())
