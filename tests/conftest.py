"""One hypothesis profile for all tests: the same examples each time, as many as `LENSMOUNT_EXAMPLES` says."""

import os

from hypothesis import settings

settings.register_profile(
    "house",
    deadline=None,
    derandomize="LENSMOUNT_EXAMPLES" not in os.environ,
    database=None,
    max_examples=int(os.environ.get("LENSMOUNT_EXAMPLES", "150")),
)
settings.load_profile("house")
