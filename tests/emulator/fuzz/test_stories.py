"""Stories that once broke something: each is as short as it could be told, and must not break anything again."""

import pytest

from lensmount_emulator.fuzz.stage import play_story
from lensmount_emulator.fuzz.story import Story

STORIES = {
    "a lens that lost its supply behind the body's back was talked to for ever": Story(
        "emount", "a6000", "voigtlander-15", steps=("wait 0.5", "fault 0 brownout at=0.0s for=0.02s from=both rate=0.0")
    ),
    "a lens that did not answer at once was given up, and its supply left on": Story(
        "emount", "a6000", "sel55210", steps=("wait 0.13", "fault 0 stuck-bytes at=0.0s until=1.4s from=lens rate=1.0")
    ),
    "a lens answered in the midst of its handshake": Story(
        "emount",
        "nex7",
        "viltrox-ef50",
        steps=("wait 0.2859", "fault 0 brownout at=0.0s for=0.01s from=lens rate=0.0 line=supply", "wait 1.5"),
    ),
    "the focus jumped back when frames were counted anew": Story(
        "emount",
        "a6000",
        "sel55210",
        script="wait 0.1; focus 0xFFFF",
        steps=("wait 2.2", "fault 0 detach at=0.0s for=0.01s from=both rate=0.0", "wait 1.5"),
    ),
    "a lens waited for a switch of speed while it answered another request": Story(
        "emount",
        "a6000",
        "viltrox-ef50",
        steps=(
            "wait 0.125",
            "send body 7832ed91aaa83c4f1055",
            "wait 0.0021",
            "send body f0220004793f333d75544b88bb5410cfe9bfed3478c795e3e05020db5cd05a090e55",
            "send body f00d0001fc28f00b0002270c841ce00055",
        ),
    ),
    "a pair that was begun in one stream went on in the next, of other blocks": Story(
        "emount",
        "a6000",
        "sel55210",
        steps=("wait 1.3561", "send body f0190002ab0a2a0fe284c24b3f5773a460837bdc7a1efb0755"),
    ),
    "a layout that nobody had ordered decided what the stream was read from": Story(
        "emount",
        "a6000",
        "voigtlander-15",
        steps=(
            "wait 1.2",
            "send lens f04400010a069e899ad8cc6feb989173f9e77de7f6306eed180fa89259051854872528a11ec41d958a2fb430310ac85"
            "182abc5afb42db8a996a8330084c422d9afe01d55",
        ),
    ),
    "an answer to somebody else's order in the midst of a switch of the rate ended the body's session": Story(
        "lmount",
        "panasonic-s1r",
        "sigma-50mm-f1.4-dg-dn",
        steps=("wait 0.0871", "send body e0060003aa1103008f2312e9ab"),
    ),
    "an order to sleep that was said as news moved the link and not the lens": Story(
        "lmount",
        "sigma-fp",
        "sigma-45mm-f2.8-dg-dn",
        steps=("wait 1", "send body e01b0004e0040e00d0eca490e4e91a0ddf1a7217da7c051db7b088adcc7c566f9e93"),
    ),
    "the same while the stream began": Story(
        "emount",
        "nex7",
        "viltrox-ef50",
        steps=(
            "wait 0.2643",
            "send body 55",
            "wait 0.0338",
            "send lens f02800017a0b6000093255c4583d6c66d1e2405b0a56419721250dc2e9145cc117917e8f74a70c55",
            "send body f0310003d301bc1713a16554160bf9a941de14a63c1b7793563b71ceff99d9598bb9fde0556d3c59bcdbe041b62cf114"
            "55",
        ),
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_what_once_broke_holds(name: str) -> None:
    assert play_story(STORIES[name]).complaints == []
