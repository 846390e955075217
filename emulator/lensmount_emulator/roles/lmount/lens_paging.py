"""A lens's pages in a session: their orders are answered as any others, and what they report comes when it is due."""

from lensmount_emulator.models.optics import breathing_scales, correction
from lensmount_emulator.roles.handlers import Handlers
from lensmount_emulator.roles.lmount.fast_focus import FastFocus
from lensmount_emulator.roles.lmount.lens_core import LensCore
from lensmount_emulator.roles.lmount.lens_orders import refuse
from lensmount_emulator.roles.lmount.lens_pages import LensPages, PageOptics, advance_pages, answer_page
from lensmount_emulator.roles.lmount.numbers import CIRCLE_MM, CIRCLES
from lensmount_emulator.roles.tasks import Task
from lensmount_protocol.dialects.lmount.framing import EVENT
from lensmount_protocol.dialects.lmount.pages import FAST_FOCUS
from lensmount_protocol.dialects.lmount.types import RefusalCode
from lensmount_protocol.dialects.lmount.update import PageOrder, PageReport
from lensmount_protocol.message import Message

obey_page = Handlers[LensCore, Message]()
"""Carry out what a page says; gives the order's answer."""


@obey_page.on(PageOrder)
def _page(lens: LensCore, order: PageOrder) -> Message:
    agreed = {page.number for page in lens.told.pages}
    if order.page == FAST_FOCUS and order.page in agreed:
        if not lens.has_drive_power:
            return refuse(order, RefusalCode.NO_POWER)
        if lens.homing or not lens.homed:
            return refuse(order, RefusalCode.NOT_NOW)
    pages = _pages_of(lens)
    answered = answer_page(pages, order, lens.told.pages, lens.now)
    if answered.reports:
        lens.spawn(_report(lens, list(answered.reports)))
    if pages.fast_focus is not None and pages.fast_focus.waiting and order.page == FAST_FOCUS:
        lens.run_number += 1
        lens.spawn(_follow(lens, pages.fast_focus, lens.run_number))
    return answered.reply


def _pages_of(lens: LensCore) -> LensPages:
    """The pages as this greeting agreed on them."""
    pages = lens.pages
    if pages is None or pages.clock is not lens.told:
        settings = lens.settings
        optics = PageOptics(
            focal_um=(lens.shortest_um, lens.longest_um),
            nearest_mm=lens.nearest_mm,
            aperture=(lens.widest[0], lens.smallest),
            circle_um=round(CIRCLE_MM[CIRCLES[settings.optics.format]] * 1000),
            correct=correction,
        )
        fast = None
        if settings.parts.focus_motor:
            fast = FastFocus(lens.focus, breathing_scales(settings.focus.breathes_percent))
        pages = lens.pages = LensPages(optics, lens.told, fast)
    return pages


def _report(lens: LensCore, reports: list[PageReport]) -> Task:
    """Behind the order's own answer."""
    yield lens.after(lens.settings.timing.answer * 2)
    for report in reports:
        lens.say([report], EVENT)


def _follow(lens: LensCore, fast: FastFocus, run_number: int) -> Task:
    """Measure each set point when it is due, until there are no more or another run came."""
    pages = lens.pages
    while (due := fast.next_deadline) is not None:
        yield due
        if pages is None or lens.run_number != run_number or not lens.has_drive_power:
            return
        for report in advance_pages(pages, FAST_FOCUS, lens.now):
            lens.say([report], EVENT)
