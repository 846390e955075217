"""The timing contracts of both dialects, rule by rule: the bounds stand here as figures, from the captures' tables.

Marks are written as they are read: `VD low`, `body opens 0x0b`, `lens closes any`.
"""

import pytest

from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.timing import Mark

WORDS = {"open": "opens", "first": "first bit of", "end": "end of", "last": "last bit of", "close": "closes"}


def in_words(mark: Mark) -> str:
    kind, who, what = mark
    return f"{who} {what}" if kind == "edge" else f"{who} {WORDS[kind]} {what}"


Rule = tuple[str, str, float, float, str, tuple[str, ...]]
"""From, to, the shortest and the longest time in microseconds, the evidence, and what calls the measurement off."""

EMOUNT: dict[str, Rule] = {
    "VD period": ("VD low", "VD low", 16670, 16700, "captured (SIG, LEX)", ()),
    "VD low pulse": ("VD low", "VD high", 55, 70, "captured (SIG, LEX)", ()),
    "VCC to first VD": ("VCC high", "VD low", 2180, 2300, "captured (SIG)", ()),
    "VCC to BODY_CS": ("VCC high", "body opens nothing", 119300, 119500, "captured (SIG, LEX)", ()),
    "BODY_CS to TXD on": ("body opens nothing", "TXD high", 8, 30, "captured (SIG)", ()),
    "BODY_CS to RXD on": ("body opens nothing", "RXD high", 2800, 23200, "captured (SIG)", ()),
    "RXD on to BODY_CS low": ("RXD high", "body closes nothing", 0, 5100, "inferred from captures (SIG)", ()),
    "BODY_CS low to LENS_CS low": ("body closes nothing", "lens closes nothing", 10, 11200, "captured (SIG, LEX)", ()),
    "handshake to 01": ("body closes nothing", "body opens 0x01", 160, 15300, "captured (SIG, LEX)", ()),
    "silent handshake to 0B": (
        "body closes nothing",
        "body opens 0x0b",
        20150,
        20450,
        "captured (SIG, LEX)",
        ("body opens 0x01",),
    ),
    "speed switch begins": ("lens closes 0x0c", "body opens nothing", 110, 135, "captured (SIG)", ()),
    "speed switch, BODY_CS falls": ("lens closes 0x0c", "body closes nothing", 165, 5260, "captured (SIG)", ()),
    "body set-up": ("body opens any", "body first bit of any", 15, 70, "captured (SIG)", ()),
    "body hold": ("body last bit of any", "body closes any", 40, 285, "captured (SIG)", ()),
    "lens set-up": ("lens opens any", "lens first bit of any", 1.5, 42, "captured (SIG)", ()),
    "lens hold": ("lens last bit of any", "lens closes any", 1, 60, "captured (SIG)", ()),
    "reply 01": ("body closes 0x01", "lens opens 0x01", 45, 600, "captured (SIG, LEX)", ()),
    "reply 07": ("body closes 0x07", "lens opens 0x07", 10, 575, "captured (SIG, LEX)", ()),
    "reply 0C": ("body closes 0x0c", "lens opens 0x0c", 10, 345, "captured (SIG, LEX)", ()),
    "reply 0B": ("body closes 0x0b", "lens opens 0x0b", 5, 350, "captured (SIG, LEX)", ()),
    "reply 08": ("body closes 0x08", "lens opens 0x08", 10, 1650, "captured (SIG, LEX)", ()),
    "reply 09": ("body closes 0x09", "lens opens 0x09", 5, 400, "captured (SIG, LEX)", ()),
    "reply 0D": ("body closes 0x0d", "lens opens 0x0d", 5, 350, "captured (SIG, LEX)", ()),
    "reply 10": ("body closes 0x10", "lens opens 0x10", 5, 1400000, "captured (SIG, LEX)", ()),
    "reply 0A": ("body closes 0x0a", "lens opens 0x0a", 5, 800, "captured (SIG, LEX)", ()),
    "reply 16": ("body closes 0x16", "lens opens 0x16", 500, 560000, "captured (SIG, LEX)", ()),
    "01 to request 07": (
        "lens closes 0x01",
        "body opens 0x07",
        210,
        320,
        "captured (SIG, LEX)",
        ("body opens nothing",),
    ),
    "07 to request 0C": (
        "lens closes 0x07",
        "body opens 0x0c",
        230,
        340,
        "captured (SIG, LEX)",
        ("body opens 0x0b", "body opens nothing"),
    ),
    "07 to request 0B": (
        "lens closes 0x07",
        "body opens 0x0b",
        15000,
        15800,
        "captured (SIG, LEX)",
        ("body opens 0x0c", "body opens nothing"),
    ),
    "0B to request 08": (
        "lens closes 0x0b",
        "body opens 0x08",
        230,
        330,
        "captured (SIG, LEX)",
        ("body opens 0x09", "body opens nothing"),
    ),
    "0B to request 09": (
        "lens closes 0x0b",
        "body opens 0x09",
        190,
        330,
        "captured (SIG, LEX)",
        ("body opens 0x08", "body opens nothing"),
    ),
    "08 to request 09": (
        "lens closes 0x08",
        "body opens 0x09",
        200,
        540,
        "captured (SIG, LEX)",
        ("body opens nothing",),
    ),
    "09 to request 0D": (
        "lens closes 0x09",
        "body opens 0x0d",
        190,
        310,
        "captured (SIG, LEX)",
        ("body opens nothing",),
    ),
    "0D to request 10": (
        "lens closes 0x0d",
        "body opens 0x10",
        175,
        290,
        "captured (SIG, LEX)",
        ("body opens nothing",),
    ),
    "10 to request 0A": (
        "lens closes 0x10",
        "body opens 0x0a",
        175,
        370,
        "captured (SIG, LEX)",
        ("body opens nothing",),
    ),
    "0A to request 16": (
        "lens closes 0x0a",
        "body opens 0x16",
        180,
        540,
        "captured (SIG, LEX)",
        ("body opens nothing",),
    ),
    "stream starts": ("lens closes 0x0a", "lens opens 0x05", 800, 33600, "captured (SIG)", ()),
    "loop starts": ("lens closes 0x0a", "body opens 0x03", 8550, 25400, "captured (SIG)", ()),
    "VD to 05": ("VD low", "lens opens 0x05", 70, 3330, "captured (SIG)", ("lens closes 0x0a",)),
    "VD to 06": ("VD low", "lens opens 0x06", 1390, 5440, "captured (SIG, LEX)", ("lens closes 0x0a",)),
    "VD to 03": ("VD low", "body opens 0x03", 8540, 8680, "captured (SIG, LEX)", ()),
    "VD to 04": ("VD low", "body opens 0x04", 10060, 10220, "captured (SIG, LEX)", ()),
    "05 to 06": ("lens closes 0x05", "lens opens 0x06", 470, 620, "captured (SIG)", ()),
}

LMOUNT: dict[str, Rule] = {
    "frame period": (
        "FSYNC low",
        "FSYNC low",
        2083,
        41667,
        "our own model (OWN)",
        ("body closes 0x04", "V_DRIVE low", "V_LOGIC low"),
    ),
    "lens boot": ("V_LOGIC high", "LENS_ATT high", 0, 150000, "our own model (OWN)", ()),
    "lens hello": ("body closes 0x01", "lens opens 0x81", 20, 20000, "our own model (OWN)", ()),
    "identity answered": ("body closes 0x08", "lens opens 0x88", 20, 10000, "our own model (OWN)", ()),
    "abilities answered": ("body closes 0x09", "lens opens 0x89", 20, 10000, "our own model (OWN)", ()),
    "metadata answered": ("body closes 0x0b", "lens opens 0x8b", 20, 10000, "our own model (OWN)", ()),
    "lens cycle": ("FSYNC low", "lens opens class 2", 20, 1500, "our own model (OWN)", ()),
    "correction answered": ("body closes 0x40", "lens opens 0xc0", 20, 20000, "our own model (OWN)", ()),
}


@pytest.mark.parametrize(("name", "contract"), [("emount", EMOUNT), ("lmount", LMOUNT)])
def test_a_timing_contract_has_exactly_these_rules(name: str, contract: dict[str, Rule]) -> None:
    rules = load_dialect(name).timing
    found = {
        rule.name: (
            in_words(rule.start),
            in_words(rule.end),
            rule.minimum_us,
            rule.maximum_us,
            f"{rule.evidence.level.value} ({rule.evidence.source})",
            tuple(in_words(mark) for mark in rule.cancelled_by),
        )
        for rule in rules
    }
    assert found == contract
    assert [rule.name for rule in rules] == list(contract)


@pytest.mark.parametrize("contract", [EMOUNT, LMOUNT])
def test_a_rule_allows_its_bounds_and_nothing_beyond_them(contract: dict[str, Rule]) -> None:
    name = "emount" if contract is EMOUNT else "lmount"
    for rule in load_dialect(name).timing:
        _, _, shortest, longest, _, _ = contract[rule.name]
        assert rule.allows(shortest)
        assert rule.allows(longest)
        assert not rule.allows(shortest - 0.001)
        assert not rule.allows(longest + 0.001)


def test_published_times_of_the_emount_are_those_of_the_captures() -> None:
    from lensmount_protocol.dialects.emount import timing

    assert (timing.VD_PERIOD_US, timing.VD_LOW_US, timing.POLL_US) == (16_684, 63, 5_040)
    assert timing.LAYOUT_ECHOED == ("close", "lens", "0x0a")


def test_published_times_of_the_open_model_are_those_of_its_specification() -> None:
    from lensmount_protocol.dialects.lmount import timing

    assert (timing.BOOT_US, timing.ANSWER_US, timing.SETUP_US) == (150_000, 10_000, 10)
    assert (timing.FASTEST_FRAME_US, timing.SLOWEST_FRAME_US) == (2_083, 41_667)
