"""The dialect `mft`: Micro Four Thirds as its documents have it, without a capture for any statement."""

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.mft.framing import FORMATS, build_frame
from lensmount_protocol.dialects.mft.link import DRIVERS, MOUNTED, TIMING, VDD, WIRING
from lensmount_protocol.dialects.mft.messages import MESSAGES
from lensmount_protocol.dialects.mft.transactions import TRANSITIONS, TransactionChecker, trigger_for
from lensmount_protocol.payload import message_table

SOURCES = {
    "BELL": "https://github.com/stevenbell/microfourthirds (commit 046255c; no licence, facts only)",
    "WOLF": "http://marcuswolschon.blogspot.com/2013/12/reverse-engineering-micro-four-thirds.html",
}

MFT = Dialect(
    name="mft",
    title="Micro Four Thirds as two published programs and a blog document it; no capture",
    notice=(
        "Documented by others, not captured: no statement was checked against a real body or lens. The protocol is not "
        "public. Not affiliated with or endorsed by OM Digital Solutions, Olympus or Panasonic."
    ),
    sources=SOURCES,
    wiring=WIRING,
    drivers=DRIVERS,
    messages=message_table(MESSAGES),
    formats=dict(FORMATS),
    build_frame=build_frame,
    transitions=TRANSITIONS,
    trigger_for=trigger_for,
    timing=TIMING,
    # No byte waits for another one: each unit is a burst.
    idle_timeout=5e-3,
    supply=VDD,
    detect=MOUNTED,
    routine=frozenset({"C9", "1F", "01"}),
    link_checker=TransactionChecker,
    line_fallbacks={MOUNTED: "no contact of a real mount; a body powers the lens at once"},
)
