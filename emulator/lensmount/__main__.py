"""The command `python -m lensmount`, which is the command `lensmount`."""

import sys

from lensmount_emulator.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
