"""Makes columns of events or records; numpy is imported on the first call, since short commands do without it."""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, cast

from lensmount_protocol.decoder import Decoded, Decoder, OrderedDecoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import WireRecord

if TYPE_CHECKING:
    from lensmount_emulator.traffic.event_columns import EventColumns


def columns_of_events(dialect: Dialect, events: Iterable[Decoded]) -> "EventColumns":
    """The columns of decoded events, which come in the order of time."""
    module = import_module("lensmount_emulator.traffic.event_columns")
    return cast("EventColumns", module.EventColumns(dialect).add_all(events))


def notebook_view(make: "Callable[[], EventColumns]", title: str) -> str:
    """The interactive view of a session for a notebook; empty where it is too long, or the page is not installed."""
    try:
        page = import_module("lensmount_web.page_file")
        return str(page.notebook_frame(make(), title))
    except (ImportError, CaptureError):
        return ""


def columns_of_records(dialect: Dialect, records: Iterable[WireRecord]) -> "EventColumns":
    """The columns of bytes and edges, which are decoded here."""
    return columns_of_events(dialect, OrderedDecoder(Decoder(dialect)).decode(records))
