"""Known symptoms of L-Mount devices from public reports, and of the open model."""

from lensmount_emulator.engine.session_knowledge import Symptom
from lensmount_protocol.message import Evidence, EvidenceLevel
from lensmount_protocol.wire import Role

_MODELLED, _CLAIM = EvidenceLevel.MODELLED, EvidenceLevel.CLAIM

SYMPTOMS = (
    Symptom(
        "older-lens", frozenset({"refused", "no reply"}), "An older lens refuses what a newer body asks",
        "A lens of an older revision answers an order that it does not know with a refusal; an old Sigma lens "
        "refuses the "
        "pages of newer bodies.",
        "Update the lens, or let the body use the lower revision of both greetings.",
        Evidence(_MODELLED, "OWN"), end=Role.LENS,
    ),
    Symptom(
        "failed-update", frozenset({"no reply", "step missing", "refused"}),
        "A lens does not work after a firmware update",
        "Makers warn of a lens that stays dead when an update is cut; in the model it waits for a firmware in "
        "recovery.",
        "Repeat the update from its beginning; `lensmount firmware` makes an image to try with.",
        Evidence(_CLAIM, "OWN"), frozenset({0x01, 0x60, 0x61, 0x62}),
    ),
    Symptom(
        "power-class", frozenset({"supply lost", "refused"}), "A lens of high draw on a small body",
        "Bodies warn of lenses that draw much; the rail of a small body can sag while the lens moves.",
        "Grant a lower power class, or use a body with a stronger supply.",
        Evidence(_CLAIM, "OWN"),
    ),
    Symptom(
        "contact", frozenset({"lens detached", "line bounces"}), "The contact fails for a moment",
        "A body cuts both rails when the lens comes off, and starts with a hello when it is back.",
        "Clean the contacts; check the seat of a converter, which has two mounts.",
        Evidence(_MODELLED, "OWN"),
    ),
    Symptom(
        "no-frame-signal", frozenset({"step missing", "frame sync stopped"}), "A lens answers and never reports",
        "A lens reports in each frame, timed by FSYNC, once the stream order is answered.",
        "Check that FSYNC reaches the lens and falls once in each frame.",
        Evidence(_MODELLED, "OWN"), end=Role.BODY,
    ),
    Symptom(
        "rate-not-followed", frozenset({"wrong baud rate", "bytes without a frame"}), "Garbage after the rate order",
        "Both ends switch 1 ms after the acceptance; what is sent before is at the old rate.",
        "Switch both ends, or offer only 115 200 Bd in the greeting.",
        Evidence(_MODELLED, "OWN"),
    ),
)  # fmt: skip
"""The base of known symptoms; the documents list it."""
