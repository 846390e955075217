"""What the header of a virtual session's recording says: enough to run the session again from nothing else."""

from collections.abc import Sequence

KNOWN = frozenset(
    {
        "lensmount", "version", "dialect", "body", "lens", "with", "script", "seed", "duration", "resolution", "armed",
        "faults",
    }
)  # fmt: skip
"""What a header of a virtual session says; a session with anything else was made by something else too."""


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
    armed: Sequence[str] = (),
) -> dict[str, object]:
    """The header of a virtual session's recording, in the order in which it is written; what was not there is left out.

    Args:
        dialect: what the body speaks.
        body: its profile.
        lens: the lens's.
        script: what the body was to do.
        seed: where chance came from; `None` for none.
        accessories: profiles of what is between body and lens, from the body on.
        faults: their texts, each with its seed in it.
        duration: how long it was at most, in seconds.
        armed: messages that were armed.
    """
    header: dict[str, object] = {"dialect": dialect, "body": body, "lens": lens, "script": script, "seed": seed}
    if accessories:
        header["with"] = list(accessories)
    if faults:
        header["faults"] = list(faults)
    if duration is not None:
        header["duration"] = duration
    if armed:
        header["armed"] = list(armed)
    return header
