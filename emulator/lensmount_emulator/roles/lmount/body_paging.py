"""A body's pages in a session: it asks what was agreed, waits for what the lens reports, and gives what it learned."""

from dataclasses import dataclass

from lensmount_emulator.roles.lmount.body_core import REPORT, BodyCore
from lensmount_emulator.roles.lmount.body_deeds import Deed
from lensmount_emulator.roles.lmount.body_pages import ASKS, PagesHeard, hear_page
from lensmount_emulator.roles.lmount.pages import PAGES
from lensmount_emulator.roles.lmount.settings import PageName
from lensmount_emulator.roles.tasks import Wait
from lensmount_protocol.dialects.lmount.link import Done
from lensmount_protocol.dialects.lmount.types import ImageCircle
from lensmount_protocol.dialects.lmount.update import PageOrder
from lensmount_protocol.errors import FrameError

SENSORS_UM = {ImageCircle.FULL_FRAME: (36_000, 24_000), ImageCircle.APS_C: (23_600, 15_600)}
"""Width and height of what is used of a sensor."""

REPORT_PATIENCE_S = 0.5


@dataclass(frozen=True, slots=True)
class _View:
    """A body as its pages see it."""

    body: BodyCore

    @property
    def focal_length_um(self) -> int:
        zoom = self.body.known.zoom
        return 0 if zoom is None else zoom.focal_length_um

    @property
    def distance_mm(self) -> int:
        focus = self.body.known.focus
        return 0 if focus is None else focus.distance_mm

    @property
    def aperture(self) -> int:
        aperture = self.body.known.aperture
        return 0 if aperture is None else aperture.now

    @property
    def sensor_um(self) -> tuple[int, int]:
        return SENSORS_UM[self.body.known.used]

    @property
    def focus_position(self) -> int:
        focus = self.body.known.focus
        return 0 if focus is None else focus.position

    @property
    def focus_steps(self) -> int:
        abilities = self.body.known.abilities
        return 0 if abilities is None else abilities.focus_steps

    @property
    def frame(self) -> int:
        return self.body.frame

    @property
    def rate_hz(self) -> float:
        return self.body.rate_hz


def has_page(body: BodyCore, name: PageName) -> bool:
    """Whether a page was agreed."""
    return PAGES[name].number in {page.number for page in body.known.pages}


def use_page(body: BodyCore, name: PageName) -> Deed:
    """Ask all that a body asks with a page; gives what was learned, or the answer of an order that was refused."""
    heard = PagesHeard()
    for number, ask in enumerate(ASKS[name], 1):
        body.page_reports.clear()
        content = ask(_View(body), number).build()
        answer = yield from body.ask(PageOrder(page=PAGES[name].number, content=content))
        if not isinstance(answer, Done):
            return answer
        while True:
            yield Wait(body.now + REPORT_PATIENCE_S, lambda: bool(body.page_reports), (REPORT,))
            if not body.page_reports:
                body.tell(f"no report on the page of {name}", trouble=True)
                return None
            try:
                body.tell(hear_page(heard, body.page_reports.popleft()))
            except FrameError as error:
                body.tell(f"a report on the page of {name} cannot be read: {error}", trouble=True)
                return None
            if not heard.left:
                break
    return heard
