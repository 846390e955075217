"""Loggers of the library: `lensmount.PART` for each part, silent until the program that uses it configures `logging`.

| logger | reports |
|---|---|
| `lensmount.captures` | which reader a file gets, and what in the file decided it |
| `lensmount.ports` | ports that are opened, closed, lost and reopened; changes of the baud rate |
| `lensmount.guard` | what a send guard holds back |
| `lensmount.plugins` | plug-ins that are loaded, and those that fail |
| `lensmount.cli`, `lensmount.pytest` | old names of verbs and options that are used |
| `lensmount.campaign` | old names of keys and checks in the file of a campaign |
| `lensmount.workers` | worker processes that start and end |

INFO is for events that a user may act on, DEBUG for their reasons, WARNING for a loss that no error reports.
Nothing logs once per frame.
"""

import logging

ROOT = "lensmount"
"""The logger above all others of the library."""

logging.getLogger(ROOT).addHandler(logging.NullHandler())


def get_logger(part: str) -> logging.Logger:
    """Return the logger of a part of the library.

    Args:
        part: name below `lensmount`, such as `ports`.
    """
    return logging.getLogger(f"{ROOT}.{part}")
