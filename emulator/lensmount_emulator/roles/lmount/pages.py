"""The pages that this model has: their names in profiles, numbers, revisions, and how both ends agree on them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lensmount_emulator.roles.lmount.settings import PageName
from lensmount_protocol.dialects.lmount.pages import FAST_FOCUS, JOINT_CORRECTIONS, PAGE_REVISION
from lensmount_protocol.dialects.lmount.update import Page


@dataclass(frozen=True, slots=True)
class PageFeature:
    """A page, as its specification has it.

    Attributes:
        number: of the page.
        revision: the newest that is known.
        feature: what it brings, for people.
    """

    number: int
    revision: int
    feature: str

    @property
    def page(self) -> Page:
        """How an end offers it."""
        return Page(number=self.number, revision=self.revision)


PAGES: dict[PageName, PageFeature] = {
    "joint corrections": PageFeature(
        JOINT_CORRECTIONS, PAGE_REVISION, "a correction profile that both makers made, for lens and sensor together"
    ),
    "fast focus": PageFeature(
        FAST_FOCUS, PAGE_REVISION, "focus set points within the frame, up to 480 a second, and how they were met"
    ),
}
"""Every page of this model's own, by its name in profiles."""


def offer(own: Iterable[PageName]) -> list[Page]:
    """The pages that an end has, for its offer."""
    return [PAGES[name].page for name in own]


def agree(offered: Sequence[Page], own: Iterable[PageName]) -> list[Page]:
    """The pages that both ends have, in the lower revision of the two, in the order of the offer, each once."""
    mine = {PAGES[name].number: PAGES[name].revision for name in own}
    both: dict[int, Page] = {}
    for page in offered:
        # Revision 0 is none: who offers it says that there is no version that it speaks.
        if page.number in mine and page.revision:
            both.setdefault(page.number, Page(number=page.number, revision=min(page.revision, mine[page.number])))
    return list(both.values())


def name_of(number: int) -> PageName | None:
    """The name of a page; `None` of one that this model does not have."""
    return next((name for name, page in PAGES.items() if page.number == number), None)
