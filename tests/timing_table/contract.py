"""The bounds of the timing contract, held against the contract: what is measured just inside and outside."""

from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.timing import measure
from timing_table.rows import Row

SIG = "extremes of five logic captures of an A6000 (SIG), widened to the next round figure"
BOTH = "extremes of captures SIG and logs LEX, widened to the next round figure"
OWN = "protocol/spec/lmount.md sections 3 and 4"

BOUNDS_US: dict[str, tuple[tuple[str, float, float, str], ...]] = {
    "emount": (
        ("VD period", 16_670, 16_700, BOTH),
        ("VD low pulse", 55, 70, BOTH),
        ("VCC to first VD", 2_180, 2_300, SIG),
        ("VCC to BODY_CS", 119_300, 119_500, BOTH),
        ("BODY_CS to TXD on", 8, 30, SIG),
        ("BODY_CS to RXD on", 2_800, 23_200, SIG),
        ("RXD on to BODY_CS low", 0, 5_100, "every body wait falls on a grid of 5.04 ms (SIG)"),
        ("BODY_CS low to LENS_CS low", 10, 11_200, BOTH),
        ("handshake to 01", 160, 15_300, BOTH),
        ("silent handshake to 0B", 20_150, 20_450, BOTH),
        ("speed switch begins", 110, 135, SIG),
        ("speed switch, BODY_CS falls", 165, 5_260, SIG),
        ("body set-up", 15, 70, SIG),
        ("body hold", 40, 285, SIG),
        ("lens set-up", 1.5, 42, SIG),
        ("lens hold", 1, 60, SIG),
        ("reply 01", 45, 600, BOTH),
        ("reply 07", 10, 575, BOTH),
        ("reply 0C", 10, 345, BOTH),
        ("reply 0B", 5, 350, BOTH),
        ("reply 08", 10, 1_650, BOTH),
        ("reply 09", 5, 400, BOTH),
        ("reply 0D", 5, 350, BOTH),
        ("reply 10", 5, 1_400_000, BOTH),
        ("reply 0A", 5, 800, BOTH),
        ("reply 16", 500, 560_000, BOTH),
        ("01 to request 07", 210, 320, BOTH),
        ("07 to request 0C", 230, 340, BOTH),
        ("07 to request 0B", 15_000, 15_800, BOTH),
        ("0B to request 08", 230, 330, BOTH),
        ("0B to request 09", 190, 330, BOTH),
        ("08 to request 09", 200, 540, BOTH),
        ("09 to request 0D", 190, 310, BOTH),
        ("0D to request 10", 175, 290, BOTH),
        ("10 to request 0A", 175, 370, BOTH),
        ("0A to request 16", 180, 540, BOTH),
        ("stream starts", 800, 33_600, SIG),
        ("loop starts", 8_550, 25_400, SIG),
        ("VD to 05", 70, 3_330, SIG),
        ("VD to 06", 1_390, 5_440, BOTH),
        ("VD to 03", 8_540, 8_680, BOTH),
        ("VD to 04", 10_060, 10_220, BOTH),
        ("05 to 06", 470, 620, SIG),
    ),
    "lmount": (
        ("frame period", 2_083, 41_667, "480 and 24 frames a second"),
        ("lens boot", 0, 150_000, OWN),
        ("lens hello", 20, 20_000, OWN),
        ("identity answered", 20, 10_000, OWN),
        ("abilities answered", 20, 10_000, OWN),
        ("metadata answered", 20, 10_000, OWN),
        ("lens cycle", 20, 1_500, OWN),
        ("correction answered", 20, 20_000, OWN),
    ),
}
"""Name of a rule, its shortest and its longest legal interval, and the source."""

NEAR = 0.1
"""How near to a bound an interval is tried, as a part of the range, and at most of the bound."""


def bound(dialect: str, name: str, limit_us: float, range_us: float, *, shortest: bool) -> float:
    """The bound that the contract has, found from both sides: `limit_us` in seconds where it is there, else 0."""
    (rule,) = (rule for rule in load_dialect(dialect).timing if rule.name == name)
    near_us = NEAR * min(limit_us, range_us)
    inside, outside = limit_us + near_us, limit_us - near_us
    if not shortest:
        inside, outside = outside, inside
    kept = [_broken(rule, interval_us) for interval_us in (inside, limit_us, outside)]
    return limit_us * 1e-6 if kept == [0, 0, 1] else 0.0


def _broken(rule: object, interval_us: float) -> int:
    marks = [(1.0, rule.start), (1.0 + interval_us * 1e-6, rule.end)]  # type: ignore[attr-defined]
    (measured,) = measure([rule], marks)  # type: ignore[list-item]
    assert len(measured.intervals_us) == 1
    return measured.violation_count


ROWS: tuple[Row, ...] = tuple(
    Row(
        f"{dialect}: {name}, {'shortest' if shortest else 'longest'}",
        lambda dialect=dialect, name=name, limit=limit, range_us=high - low, shortest=shortest: bound(  # type: ignore[misc]
            dialect, name, limit, range_us, shortest=shortest
        ),
        limit,
        0.01,
        source,
    )
    for dialect, rows in BOUNDS_US.items()
    for name, low, high, source in rows
    for limit, shortest in ((low, True), (high, False))
    # Nothing is shorter than 0.
    if limit
)
