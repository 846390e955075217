"""Known symptoms of E-mount links: public reports and captured behaviour, with remedies and evidence."""

from lensmount_emulator.engine.session_knowledge import Symptom
from lensmount_protocol.message import Evidence, EvidenceLevel
from lensmount_protocol.wire import Role

_CAPTURED, _BENCH = EvidenceLevel.CAPTURED, EvidenceLevel.BENCH
_FIRMWARE, _CLAIM, _CODE = EvidenceLevel.FIRMWARE, EvidenceLevel.CLAIM, EvidenceLevel.PUBLIC_CODE
_BODY, _LENS = Role.BODY, Role.LENS

SYMPTOMS = (
    Symptom(
        "no-frame-sync", frozenset({"step missing", "frame sync stopped"}), "A lens answers and never streams",
        "Every lens times its stream by VD; it pulses from 2.2 ms after the supply on, before any request.",
        "Drive VD every 16.68 ms with low pulses of 63 µs, idle high, and check that the line reaches the lens.",
        Evidence(_CAPTURED, "SIG"), end=_BODY,
    ),
    Symptom(
        "unknown-request", frozenset({"refused", "no reply"}), "A newer body asks what an older lens does not know",
        "An a9 II asks 3F and 3D at the start and drops a lens that answers neither; a lens lists what it knows in its "
        "reply to 01.",
        "Look up the type in the lens's list (01); a lens emulator must answer it, and a body must not ask it.",
        Evidence(_CLAIM, "WZQ"), frozenset({0x3D, 0x3F}),
    ),
    Symptom(
        "service-channel", frozenset({"refused", "no reply", "repeated request"}),
        "A message of one maker's service channel locks another lens up",
        "40 belongs to Samyang. An FE 24-105 that receives it repeats 02 until its supply is cut, and goes on "
        "streaming.",
        "Cut the supply of the lens; send 40 only to a lens that its profile declares it for.",
        Evidence(_BENCH, "BAS-TR"), frozenset({0x40}),
    ),
    Symptom(
        "refusal-flood", frozenset({"refused"}), "A lens repeats its refusal",
        "An FE 24-105 that has lost its place in the bytes answers every window of the body with 02 until power-off. "
        "Code 1 means a wrong last byte, 2 a wrong first byte, 3 the checksum, 4 an unknown message.",
        "Check that the body clocks only whole frames in its windows; then cut the supply once.",
        Evidence(_BENCH, "BAS-TR"), end=_LENS,
    ),
    Symptom(
        "unknown-size", frozenset({"no reply", "silence"}), "A lens answers nothing any more after one message",
        "Nothing on the wire gives the size of a message. A Samyang hangs on a type that it does not know until its "
        "supply is cut.",
        "Cut the supply; do not send types that the lens does not list in its reply to 01.",
        Evidence(_FIRMWARE, "BAS-SY"), end=_LENS,
    ),
    Symptom(
        "long-pause", frozenset({"short frame", "no reply"}), "A reply is dropped although the lens goes on sending",
        "A Viltrox adapter pauses 150 ms inside its reply to 0B and 7 ms inside 08, with LENS_CS high. A time-out of "
        "20 ms between bytes is too short.",
        "End a frame by the fall of the select line and not by a pause between bytes.",
        Evidence(_CAPTURED, "SIG"), frozenset({0x0B, 0x08}),
    ),
    Symptom(
        "select-falls-early", frozenset({"short frame", "bad frame"}), "The last bytes of a frame are lost",
        "LENS_CS can fall 1 to 3 µs after the last stop bit. A receiver with latency that cuts at the edge loses "
        "bytes.",
        "Take the length from the header, and wait for bytes on their way after the select line has fallen.",
        Evidence(_CODE, "BAS"), end=_LENS,
    ),
    Symptom(
        "no-handshake", frozenset({"step missing"}), "A lens that kept its supply does not do the handshake",
        "A Samyang AF 135 that stays powered while the body restarts never raises LENS_CS, and still answers 01.",
        "Send 01 all the same after 500 ms, or cut the supply between two starts.",
        Evidence(_BENCH, "BAS-TR"), end=_LENS,
    ),
    Symptom(
        "rate-not-followed", frozenset({"wrong baud rate", "bytes without a frame"}),
        "Garbage after the speed switch",
        "Both ends change from 750 000 to 1 500 000 Bd after an accepted 0C and a second handshake without bytes. A "
        "lens "
        "keeps the fast rate until its supply is cut.",
        "Switch both ends, or answer 0C with 00 and leave type 0C out of the reply to 01: a NEX-7 never asks for it.",
        Evidence(_CAPTURED, "SIG, LEX"),
    ),
    Symptom(
        "homing-takes-long", frozenset({"no reply", "repeated request"}), "10 is repeated, and the lens starts over",
        "10 moves the lens to its start and is answered only then: 1.33 s on a Sony zoom. A second 10 restarts it.",
        "Wait at least 2 s for 10 and never repeat it; the same holds for 0A and 16.",
        Evidence(_CAPTURED, "SIG"), frozenset({0x10, 0x0A, 0x16}),
    ),
    Symptom(
        "outside-window", frozenset({"frame outside its window"}), "Bytes are sent and have no effect",
        "A lens drops bytes that come while BODY_CS is low, and a Samyang resynchronises only after the announced "
        "length.",
        "Raise the select line 15 µs before the first bit, and hold it until the last bit is out.",
        Evidence(_FIRMWARE, "BAS-SY"),
    ),
    Symptom(
        "power-on-delayed", frozenset({"line before supply"}), "A body waits long before it powers a lens again",
        "A lens that keeps RXD driven after 16 feeds the body through its input; an a9 II then delays the next "
        "power-on.",
        "Switch RXD off after the reply to 16.",
        Evidence(_CLAIM, "WZQ"), end=_LENS,
    ),
    Symptom(
        "shut-down-unanswered", frozenset({"no reply"}), "A body keeps the supply on for seconds at power-off",
        "An a9 II that gets no answer to 16 holds the supply for more than 4.1 s.",
        "Answer 16 with 00 when the iris is parked, 15 to 550 ms later.",
        Evidence(_CLAIM, "WZQ"), frozenset({0x16}),
    ),
    Symptom(
        "contact", frozenset({"lens detached", "line bounces", "supply lost"}), "The contact fails for a moment",
        "A body cuts the supply as soon as LENS_XDETECT goes high, and begins with a cold start.",
        "Clean the contacts; check the 680 Ω or the direct connection of LENS_XDETECT to ground in an adapter.",
        Evidence(_CLAIM, "SIG"),
    ),
)  # fmt: skip
"""The base of known symptoms; the documents list it."""
