"""The header of a virtual session's recording: all that is needed to run the session again."""

from collections.abc import Sequence

KNOWN = frozenset(
    {
        "lensmount", "version", "dialect", "body", "lens", "accessories", "script", "seed", "duration", "resolution",
        "allowed", "faults",
    }
)  # fmt: skip
"""The keys in the header of a virtual session; a session with any other key cannot be run again."""


def session_header(
    dialect: str,
    body: str,
    lens: str,
    script: str,
    seed: int | None,
    *,
    accessories: Sequence[str] = (),
    faults: Sequence[str] = (),
    duration: float | None = None,
    allowed: Sequence[str] = (),
) -> dict[str, object]:
    """The header of a virtual session's recording, in the order in which it is written, without unused keys.

    Args:
        dialect: the dialect of the body.
        body: the profile of the body.
        lens: the profile of the lens.
        script: the script of the body.
        seed: the seed of random decisions; `None` for none.
        accessories: profiles of the accessories between body and lens, from the body on.
        faults: their texts, each with its seed.
        duration: its maximum duration, in seconds.
        allowed: the allowed guarded messages.
    """
    header: dict[str, object] = {"dialect": dialect, "body": body, "lens": lens, "script": script, "seed": seed}
    if accessories:
        header["accessories"] = list(accessories)
    if faults:
        header["faults"] = list(faults)
    if duration is not None:
        header["duration"] = duration
    if allowed:
        header["allowed"] = list(allowed)
    return header
