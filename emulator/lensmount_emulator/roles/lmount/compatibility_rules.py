"""The compatibility rules: reasons why a lens works on a body only in part, or not at all, each with its source."""

from lensmount_emulator.engine.verdicts import CompatibilityRule

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
    CompatibilityRule(
        NO_CONTACTS,
        "A lens without contacts is not detected by the body; the user operates it manually.",
        "public",
        LENS_GUIDE,
    ),
    CompatibilityRule(
        SILENT, "Something grounds the contact of presence and never answers.", "inferred", SPECIFICATION
    ),
    CompatibilityRule(
        RECOVERY,
        "After an interrupted update a lens answers only update messages until it is updated.",
        "reported",
        "https://asianmobile.org/camera-firmware-update/",
    ),
    CompatibilityRule(CROP, "A full-frame body uses the middle of its sensor with an APS-C lens.", "public", WIKIPEDIA),
    CompatibilityRule(
        POWER_NOTICE,
        "The body warns its user that the lens empties the battery faster; no function is restricted.",
        "public",
        LEICA_UPDATE,
    ),
    CompatibilityRule(
        POWER_GRANT,
        "The body grants less power than the lens requests; the lens reduces its functions to stay within it.",
        "modelled",
        f"{SPECIFICATION}, section 4; that small bodies and lenses of high consumption meet is public: {LEICA_UPDATE}",
    ),
    CompatibilityRule(
        OLDER_REVISION,
        "One end is of an older generation; the common functions work.",
        "reported",
        LEICA_UPDATE,
    ),
    CompatibilityRule(NO_FOCUS_DRIVE, "The lens is focused by hand.", "public", LENS_GUIDE),
    CompatibilityRule(NO_DIAPHRAGM, "The lens has no diaphragm that the body could close.", "public", LENS_GUIDE),
    CompatibilityRule(NO_STABILISER, "Neither lens nor body has a stabiliser.", "public", LENS_GUIDE),
    CompatibilityRule(
        NO_CORRECTIONS,
        "The lens has no corrections that this body supports; newer lenses are reported to have them.",
        "inferred",
        "https://github.com/exiftool/exiftool (PanasonicRaw.pm, DistortionInfo)",
    ),
    CompatibilityRule(
        CONVERTER,
        "With a converter the lens is longer and slower, and its corrections do not fit any more.",
        "public",
        "https://github.com/exiftool/exiftool (Sigma.pm: 100-400 with TC-1411 has a number of its own)",
    ),
    CompatibilityRule(
        SINGLE_AUTOFOCUS,
        "The adapter allows single autofocus only, as the MC-21 did at its release.",
        "reported",
        "http://360photography.in/archives/32103",
    ),
    CompatibilityRule(NO_ANSWER, "The lens did not answer in time.", "modelled", f"{SPECIFICATION}, section 9"),
    CompatibilityRule(REFUSED, "The lens refused, with a reason.", "modelled", f"{SPECIFICATION}, section 3"),
)

RULES = {rule.name: rule for rule in _RULES}
"""Every rule by its name."""
