from dataclasses import dataclass
from lensmount_protocol.dialects.lmount.types import PowerClass, POWER_LIMITS_MA


@dataclass(frozen=True)
class Reduction:
    focus_speed: float = 1.0
    stabiliser: bool = True
    diaphragm_speed: float = 1.0
    bits: int = 0


class PowerBudget:
    def __init__(self, *, idle_ma, focus_ma, diaphragm_ma, stabiliser_ma):
        self.peak_ma = idle_ma + focus_ma + diaphragm_ma + stabiliser_ma
        self.i = idle_ma
        self.f = focus_ma

    @property
    def needed(self):
        return min((c for c, l in POWER_LIMITS_MA.items() if l >= self.peak_ma), default=PowerClass.EXTREME)

    def reduce(self, limit):
        return Reduction() if limit >= self.peak_ma else Reduction(0.5, False, 1.0, 3)

    def draw_ma(self, *, focus, diaphragm, stabiliser, reduction):
        return self.i + focus * self.f


def focus_ma_of(w):
    return 150


class Supply:
    def __init__(self, supply_ma, nominal_mv=6000, sag_mv_per_a=800):
        self.s = supply_ma

    def browns_out(self, d):
        return d > self.s
