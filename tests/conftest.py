"""What all tests share: one hypothesis profile, as many examples as `LENSMOUNT_EXAMPLES` says; pytest, to be run."""

import os

from hypothesis import settings

# pytest takes this only from the conftest that it reads first; the tests of our plugin run pytest in pytest.
pytest_plugins = ["pytester"]

settings.register_profile(
    "house",
    deadline=None,
    derandomize="LENSMOUNT_EXAMPLES" not in os.environ,
    database=None,
    max_examples=int(os.environ.get("LENSMOUNT_EXAMPLES", "150")),
)
settings.load_profile("house")
