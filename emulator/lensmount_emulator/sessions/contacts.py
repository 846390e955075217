"""A dialect's contacts as plain data, for ports that keep lines and deadlines themselves."""

import math

from lensmount_hardware.contacts import Contacts, WindowTiming
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.timing import Mark, closes, edge, first_bit, last_bit, opens
from lensmount_protocol.wire import Role


def contacts_of(dialect: Dialect) -> Contacts:
    """The dialect's lines, what each is for, and how each end holds its select line."""
    return Contacts(
        drivers=dialect.drivers,
        serial=dialect.wiring.serial,
        supply=dialect.supply,
        detect=dialect.detect,
        rails=dialect.rails,
        sync=dialect.sync,
        sync_width_us=_pulse_us(dialect),
        windows={role: _window(dialect, role) for role in Role},
    )


def _window(dialect: Dialect, role: Role) -> WindowTiming:
    """The least times of the dialect's contract; where it has none, a port's usual ones."""
    usual = WindowTiming()
    return WindowTiming(
        setup_us=_least_us(dialect, opens(role), first_bit(role), usual.setup_us),
        hold_us=_least_us(dialect, last_bit(role), closes(role), usual.hold_us),
        gap_us=usual.gap_us,
    )


def _pulse_us(dialect: Dialect) -> float:
    """The middle of what the contract allows a pulse of the frame signal; 0 where it says nothing."""
    pulse = (edge(dialect.sync, False), edge(dialect.sync, True))
    bounds = [(rule.minimum_us, rule.maximum_us) for rule in dialect.timing if (rule.since, rule.until) == pulse]
    return sum(bounds[0]) / 2 if bounds else 0.0


def _least_us(dialect: Dialect, since: Mark, until: Mark, usual_us: int) -> int:
    for rule in dialect.timing:
        if (rule.since, rule.until) == (since, until):
            return math.ceil(rule.minimum_us)
    return usual_us
