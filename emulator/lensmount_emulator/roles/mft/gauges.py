"""The gauges of Micro Four Thirds: the fields of the lens's status, raw, since no document states their units."""

from lensmount_emulator.engine.traits import Gauge
from lensmount_protocol.wire import Role

MFT_GAUGES = (
    Gauge("focus", Role.LENS, "focus", "StandbyReply.raw_focus"),
    Gauge("distance", Role.LENS, "focus distance", "StandbyReply.focus_distance", text="raw {}".format),
    Gauge("iris", Role.LENS, "aperture, raw", "StandbyReply.aperture"),
    Gauge("zoom", Role.LENS, "zoom, raw", "StandbyReply.scaled_zoom"),
)
