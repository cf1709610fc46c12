"""`python -m rnnexp` is the command `rnnexp`."""

import sys

from rnnexp.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
