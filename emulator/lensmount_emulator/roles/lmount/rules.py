"""Why a lens works only in part on a body, or not at all: each rule with its public reason."""

from lensmount_emulator.roles.findings import Rule

WIKIPEDIA = "https://en.wikipedia.org/wiki/Leica_L-Mount"
LEICA_UPDATE = "https://fotografidigitali.it/news/leica-sl-e-cl-aggiornamento-firmware-e-compatibilita-con-le-ottiche-l-mount_81698.html"
LENS_GUIDE = "https://github.com/jingchaoqi/L-Mount-Lens-Guide"
SPECIFICATION = "lensmount protocol/spec/lmount.md"

NO_CONTACTS = "no contacts"
SILENT = "silent"
RECOVERY = "recovery"
CROP = "crop"
POWER_NOTICE = "power notice"
POWER_GRANT = "power grant"
OLDER_REVISION = "older revision"
NO_FOCUS_DRIVE = "no focus drive"
NO_DIAPHRAGM = "no diaphragm"
NO_STABILISER = "no stabiliser"
NO_CORRECTIONS = "no corrections"
CONVERTER = "converter"
SINGLE_AUTOFOCUS = "single autofocus"
NO_ANSWER = "no answer"
REFUSED = "refused by the lens"

_RULES = (
    Rule(NO_CONTACTS, "A lens without contacts is no lens to the body; it is used by hand.", "public", LENS_GUIDE),
    Rule(SILENT, "Something grounds the contact of presence and never answers.", "inferred", SPECIFICATION),
    Rule(
        RECOVERY,
        "A lens whose update was cut speaks of nothing else until it has been updated.",
        "reported",
        "https://asianmobile.org/camera-firmware-update/",
    ),
    Rule(CROP, "A full-frame body uses the middle of its sensor with an APS-C lens.", "public", WIKIPEDIA),
    Rule(
        POWER_NOTICE,
        "The body tells its user that the lens empties the battery faster; no function is restricted.",
        "public",
        LEICA_UPDATE,
    ),
    Rule(
        POWER_GRANT,
        "The body grants less than the lens asked for; the lens leaves something out to stay within it.",
        "modelled",
        f"{SPECIFICATION}, section 4; that small bodies and hungry lenses meet is public: {LEICA_UPDATE}",
    ),
    Rule(
        OLDER_REVISION,
        "One end is of an older generation; what both have works.",
        "reported",
        LEICA_UPDATE,
    ),
    Rule(NO_FOCUS_DRIVE, "The lens is focused by hand.", "public", LENS_GUIDE),
    Rule(NO_DIAPHRAGM, "The lens has no diaphragm that the body could close.", "public", LENS_GUIDE),
    Rule(NO_STABILISER, "Neither lens nor body has a stabiliser.", "public", LENS_GUIDE),
    Rule(
        NO_CORRECTIONS,
        "The lens brings no corrections that this body understands; newer ones are reported to bring them.",
        "inferred",
        "https://github.com/exiftool/exiftool (PanasonicRaw.pm, DistortionInfo)",
    ),
    Rule(
        CONVERTER,
        "Behind a converter the lens is longer and slower, and its corrections do not fit any more.",
        "public",
        "https://github.com/exiftool/exiftool (Sigma.pm: 100-400 with TC-1411 has a number of its own)",
    ),
    Rule(
        SINGLE_AUTOFOCUS,
        "The adapter allows single autofocus only, as the MC-21 did when it came.",
        "reported",
        "http://360photography.in/archives/32103",
    ),
    Rule(NO_ANSWER, "The lens did not answer in time.", "modelled", f"{SPECIFICATION}, section 9"),
    Rule(REFUSED, "The lens refused, and said why.", "modelled", f"{SPECIFICATION}, section 3"),
)

RULES = {rule.name: rule for rule in _RULES}
"""Every rule by its name."""
