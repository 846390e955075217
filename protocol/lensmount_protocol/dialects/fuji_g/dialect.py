"""The dialect `fuji-g`: the Fuji G mount as captures of a GFX 50R and two lenses show it."""

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.fuji_g import commands, link
from lensmount_protocol.dialects.fuji_g.exchange import ExchangeChecker
from lensmount_protocol.dialects.fuji_g.lines import DETECT, DRIVERS, SUPPLY, WIRING
from lensmount_protocol.dialects.fuji_g.timing import TIMING
from lensmount_protocol.dialects.fuji_g.transitions import TRANSITIONS, trigger_for
from lensmount_protocol.dialects.fuji_g.words import FORMAT, build_frame
from lensmount_protocol.message import Message
from lensmount_protocol.payload import message_table
from lensmount_protocol.wire import Role

MESSAGES: tuple[type[Message], ...] = (*link.MESSAGES, *commands.REQUESTS, *commands.REPLIES)

SOURCES = {
    "FGM": "https://github.com/Scottapotamas/fuji-G-mount (commit 95f2704; no licence, facts only)",
}

FUJI_G = Dialect(
    name="fuji-g",
    title="Fuji G mount, second ground truth, from public captures of a GFX 50R with two lenses",
    notice=(
        "Derived from public captures, not by Fujifilm; each message states its evidence. The reaction to damaged "
        "words is not known. Not affiliated with or endorsed by Fujifilm."
    ),
    sources=SOURCES,
    wiring=WIRING,
    drivers=DRIVERS,
    messages=message_table(MESSAGES),
    formats=dict.fromkeys(Role, FORMAT),
    build_frame=build_frame,
    transitions=TRANSITIONS,
    trigger_for=trigger_for,
    timing=TIMING,
    # The longest pause inside a session is 2.4 ms; no byte waits for another one, so this ends nothing.
    idle_timeout=5e-3,
    supply=SUPPLY,
    detect=DETECT,
    routine=frozenset({"00", "01", "20"}),
    link_checker=ExchangeChecker,
)
