"""Power: what the parts of a lens draw, what it leaves out to stay within a grant, and a supply that gives way.

That a body knows of a lens that draws much, and tells its user, is reported of the Leica CL's firmware 2.2
(https://fotografidigitali.it/news/leica-sl-e-cl-aggiornamento-firmware-e-compatibilita-con-le-ottiche-l-mount_81698.html).
Classes, currents and voltages are modelled, for none is published.
"""

import math
from dataclasses import dataclass

from lensmount_protocol.dialects.lmount.types import POWER_LIMITS_MA, PowerClass

BROWN_OUT_MV = 4800
"""Below this a lens's motors lose their place."""

FOCUS_BIT, STABILISER_BIT, DIAPHRAGM_BIT = 1, 2, 4
"""What was left out, as a power report says it."""

_FOLDS_BACK_AT = 1.25
"""Share of its largest current at which a supply has given way to nothing."""


@dataclass(frozen=True, slots=True)
class Reduction:
    """What a lens leaves out.

    Attributes:
        focus_speed: share of the focus drive's top speed, 0.25 to 1.
        stabiliser: whether the stabiliser may work.
        diaphragm_speed: share of the diaphragm's top speed, 0.25 to 1.
        bits: the same, as a power report says it.
        limit_ma: what the lens's own current limiter holds; `None` where nothing needs it.
    """

    focus_speed: float = 1.0
    stabiliser: bool = True
    diaphragm_speed: float = 1.0
    bits: int = 0
    limit_ma: int | None = None


_LADDER = (
    Reduction(),
    Reduction(1.0, False, 1.0),
    Reduction(0.5, False, 1.0),
    Reduction(0.25, False, 1.0),
    Reduction(0.25, False, 0.5),
    Reduction(0.25, False, 0.25),
)
"""What goes first, modelled. The stabiliser, for a picture can be had without it, and a body may have its own; then
speed of focus, which costs time only; last that of the diaphragm, on which the exposure waits."""


class PowerBudget:
    """What a lens draws, in milliamperes; a part that it has not got draws 0 and is never left out.

    A motor at a share of its speed draws that share: it does the same work for each step. Modelled.

    Args:
        idle_ma: its processor.
        focus_ma: the focus motor at top speed.
        diaphragm_ma: the diaphragm at top speed.
        stabiliser_ma: the stabiliser.

    Attributes:
        peak_ma: the most that it draws, with all parts at work.
    """

    __slots__ = ("_diaphragm_ma", "_focus_ma", "_idle_ma", "_stabiliser_ma", "peak_ma")

    def __init__(self, *, idle_ma: int, focus_ma: int, diaphragm_ma: int, stabiliser_ma: int) -> None:
        self._idle_ma = idle_ma
        self._focus_ma = focus_ma
        self._diaphragm_ma = diaphragm_ma
        self._stabiliser_ma = stabiliser_ma
        self.peak_ma = idle_ma + focus_ma + diaphragm_ma + stabiliser_ma

    @property
    def needed(self) -> PowerClass:
        """The lowest class that is enough for all; the highest where none is."""
        return next((name for name, limit in POWER_LIMITS_MA.items() if limit >= self.peak_ma), PowerClass.EXTREME)

    def reduce(self, limit_ma: int) -> Reduction:
        """The least that has to be left out to stay within a limit.

        Where even the last rung of the ladder is too much, the lens's own current limiter holds the rest.
        """
        rung = next((rung for rung in _LADDER if self._most_ma(rung) <= limit_ma), _LADDER[-1])
        focus = rung.focus_speed if self._focus_ma else 1.0
        diaphragm = rung.diaphragm_speed if self._diaphragm_ma else 1.0
        stabiliser = rung.stabiliser or not self._stabiliser_ma
        bits = FOCUS_BIT * (focus < 1) | STABILISER_BIT * (not stabiliser) | DIAPHRAGM_BIT * (diaphragm < 1)
        held = None if self._most_ma(rung) <= limit_ma else limit_ma
        return Reduction(focus, stabiliser, diaphragm, bits, held)

    def draw_ma(self, *, focus: bool, diaphragm: bool, stabiliser: bool, reduction: Reduction) -> int:
        """What it draws while these parts work, reduced; never more than the limit, unless that is below idle."""
        draw = self._idle_ma
        if focus:
            draw += math.ceil(self._focus_ma * reduction.focus_speed)
        if diaphragm:
            draw += math.ceil(self._diaphragm_ma * reduction.diaphragm_speed)
        if stabiliser and reduction.stabiliser:
            draw += self._stabiliser_ma
        return draw if reduction.limit_ma is None else min(draw, max(self._idle_ma, reduction.limit_ma))

    def _most_ma(self, reduction: Reduction) -> int:
        return self.draw_ma(focus=True, diaphragm=True, stabiliser=True, reduction=reduction)


def focus_ma_of(weight_g: int) -> int:
    """What a focus motor draws in a lens of this weight that does not say it, in milliamperes.

    Modelled: heavy lenses move heavy glass. With the other parts' defaults a light prime needs the class NORMAL, and
    the lenses of about a kilogramme, of which a body is reported to tell its user, HIGH.

    Args:
        weight_g: weight; 0 where nobody says it.
    """
    return min(900, 50 + weight_g * 2 // 5) if weight_g > 0 else 150


class Supply:
    """A supply of drive power: its voltage sags with the current, and folds back where it can give no more.

    Args:
        supply_ma: what it can give at most.
        nominal_mv: its voltage without a load.
        sag_mv_per_a: how far an ampere pulls it down.
    """

    __slots__ = ("_nominal_mv", "_sag_mv_per_a", "_supply_ma")

    def __init__(self, supply_ma: int, nominal_mv: int = 6000, sag_mv_per_a: int = 800) -> None:
        self._supply_ma = supply_ma
        self._nominal_mv = nominal_mv
        self._sag_mv_per_a = sag_mv_per_a

    def voltage_mv(self, draw_ma: int) -> int:
        """Voltage under a load."""
        voltage = self._nominal_mv - self._sag_mv_per_a * min(draw_ma, self._supply_ma) / 1000
        if draw_ma > self._supply_ma:
            given_way = self._supply_ma * (_FOLDS_BACK_AT - 1)
            over = draw_ma - self._supply_ma
            voltage *= 1 - over / given_way if over < given_way else 0.0
        return max(0, round(voltage))

    def browns_out(self, draw_ma: int) -> bool:
        """Whether a lens that draws this sees too low a voltage."""
        return self.voltage_mv(draw_ma) < BROWN_OUT_MV
