"""The power model: current of the parts of a lens, the reductions that keep it within a grant, and a weak supply.

The Leica CL's firmware 2.2 is reported to warn its user of a lens that draws much current
(https://fotografidigitali.it/news/leica-sl-e-cl-aggiornamento-firmware-e-compatibilita-con-le-ottiche-l-mount_81698.html).
Classes, currents and voltages are modelled, because none is published.
"""

import math
from dataclasses import dataclass

from lensmount_protocol.dialects.lmount.types import POWER_LIMITS_MA, PowerClass

BROWN_OUT_MV = 4800
"""Below this voltage the motors of a lens lose their position."""

FOCUS_BIT, STABILISER_BIT, DIAPHRAGM_BIT = 1, 2, 4
"""Bits of a power report for the reduced parts."""

_FOLDS_BACK_AT = 1.25
"""Load, as a multiple of the largest current, at which the supply voltage reaches 0."""


@dataclass(frozen=True, slots=True)
class PowerReduction:
    """Reductions of a lens that limit its current.

    Attributes:
        focus_speed: share of the focus drive's top speed, 0.25 to 1.
        stabiliser: whether the stabiliser may work.
        diaphragm_speed: share of the diaphragm's top speed, 0.25 to 1.
        bits: the same as bits of a power report.
        limit_ma: limit of the lens's own current limiter; `None` if it is not needed.
    """

    focus_speed: float = 1.0
    stabiliser: bool = True
    diaphragm_speed: float = 1.0
    bits: int = 0
    limit_ma: int | None = None


_REDUCTIONS = (
    PowerReduction(),
    PowerReduction(1.0, False, 1.0),
    PowerReduction(0.5, False, 1.0),
    PowerReduction(0.25, False, 1.0),
    PowerReduction(0.25, False, 0.5),
    PowerReduction(0.25, False, 0.25),
)
"""The order of reductions, modelled. First the stabiliser: a picture is possible without it, and a body may have its
own; then the speed of focus, which costs only time; last that of the diaphragm, because the exposure waits for it."""


class PowerBudget:
    """The current of a lens, in milliamperes; a part that it does not have draws 0 and is never reduced.

    A motor at a fraction of its speed draws that fraction: it does the same work for each step. Modelled.

    Args:
        idle_ma: its processor.
        focus_ma: the focus motor at top speed.
        diaphragm_ma: the diaphragm at top speed.
        stabiliser_ma: the stabiliser.

    Attributes:
        peak_ma: the largest current, with all parts active.
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
        """The lowest class that is enough for all parts; the highest if none is."""
        return next((name for name, limit in POWER_LIMITS_MA.items() if limit >= self.peak_ma), PowerClass.EXTREME)

    def reduce(self, limit_ma: int) -> PowerReduction:
        """Return the smallest reduction that keeps the current within a limit.

        If even the largest reduction exceeds the limit, the lens's own current limiter limits the rest.
        """
        reduction = next((one for one in _REDUCTIONS if self._max_draw_ma(one) <= limit_ma), _REDUCTIONS[-1])
        focus = reduction.focus_speed if self._focus_ma else 1.0
        diaphragm = reduction.diaphragm_speed if self._diaphragm_ma else 1.0
        stabiliser = reduction.stabiliser or not self._stabiliser_ma
        bits = FOCUS_BIT * (focus < 1) | STABILISER_BIT * (not stabiliser) | DIAPHRAGM_BIT * (diaphragm < 1)
        held = None if self._max_draw_ma(reduction) <= limit_ma else limit_ma
        return PowerReduction(focus, stabiliser, diaphragm, bits, held)

    def draw_ma(self, *, focus: bool, diaphragm: bool, stabiliser: bool, reduction: PowerReduction) -> int:
        """Return the current of the active parts, reduced; never above the limit, unless that is below idle."""
        draw = self._idle_ma
        if focus:
            draw += math.ceil(self._focus_ma * reduction.focus_speed)
        if diaphragm:
            draw += math.ceil(self._diaphragm_ma * reduction.diaphragm_speed)
        if stabiliser and reduction.stabiliser:
            draw += self._stabiliser_ma
        return draw if reduction.limit_ma is None else min(draw, max(self._idle_ma, reduction.limit_ma))

    def _max_draw_ma(self, reduction: PowerReduction) -> int:
        return self.draw_ma(focus=True, diaphragm=True, stabiliser=True, reduction=reduction)


def estimate_focus_ma(weight_g: int) -> int:
    """Estimate the focus motor current from the weight of a lens, in milliamperes.

    Modelled: heavy lenses move heavy glass. With the other parts' defaults a light prime needs the class NORMAL, and
    the lenses of about a kilogramme, of which a body is reported to warn its user, HIGH.

    Args:
        weight_g: weight; 0 if it is not known.
    """
    return min(900, 50 + weight_g * 2 // 5) if weight_g > 0 else 150


class Supply:
    """A supply of drive power: its voltage sags with the current, and folds back above the largest current.

    Args:
        supply_ma: its largest current.
        nominal_mv: its voltage without a load.
        sag_mv_per_a: voltage drop for one ampere.
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
        """Whether the voltage is too low for a lens under this load."""
        return self.voltage_mv(draw_ma) < BROWN_OUT_MV
