"""Firmware through the body: allowed by name, resumed where it was cut, never a lens that does not start."""

from pathlib import Path
from typing import Any

import pytest

from lensmount_emulator.models.firmware_image import make_image, write_image
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_emulator.roles.lmount.body.firmware_update import install_firmware, roll_back_firmware
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialects.lmount.firmware_update import UpdateBlock, UpdateOffer, UpdateState
from lensmount_protocol.dialects.lmount.identity import Identity
from lensmount_protocol.dialects.lmount.link import CommandRejected
from lensmount_protocol.dialects.lmount.types import RejectionCode, UpdateStage
from lensmount_protocol.errors import DialectError, FirmwareError

SIZE = 8192


def image_for(mounted: Any, version: bytes = b"\x02\x00\x00\x00", size: int = SIZE) -> Any:
    return make_image(mounted.lens.maker, mounted.lens.model, version, size, seed=1)


def allowed(mounted: Any) -> Any:
    mounted.body.allow(["Update*"])
    return mounted


def runs(mounted: Any) -> str:
    return ".".join(map(str, mounted.of(Identity)[-1].firmware))


def again(mounted: Any) -> None:
    """The supply anew, and everything from the greeting on."""
    mounted.body.now = mounted.virtual_session.now
    mounted.body.restart("for the test")
    known = mounted.body.lens_info
    mounted.wait_until(lambda: mounted.body.lens_info is known and (known.reports > 1 or known.recovery is not None))


def test_an_image_goes_in_and_the_lens_starts_from_it(mount: Any, tmp_path: Path) -> None:
    mounted = mount()
    write_image(tmp_path / "new.lmf", image_for(mounted))
    file = tmp_path / "new.lmf"
    session = run_loopback(
        "panasonic-s1r", "sigma-45mm-f2.8-dg-dn", allowed=["Update*"],
        script=f"check firmware; update {file}; check firmware; rollback; check firmware",
    )  # fmt: skip
    assert session.clean
    told = [finding.detail for finding in session.compatibility_results if finding.step == "firmware"]
    assert told == ["1.0.0.0", "2.0.0.0", "1.0.0.0"]


def test_nothing_is_sent_that_was_not_allowed(mount: Any) -> None:
    mounted = mount().streams()
    mounted.run_script(install_firmware(mounted.body, image_for(mounted)))
    assert any("allow it by name" in text for text in mounted.troubles)
    assert mounted.of(UpdateOffer) == []
    mounted.request(UpdateOffer())
    assert mounted.of(UpdateOffer) == []


def test_what_is_allowed_must_have_a_name(mount: Any) -> None:
    with pytest.raises(DialectError, match=r"unknown guarded message of a body 'FocusDrive'; known: UpdateActivate"):
        mount().body.allow(["FocusDrive"])


@pytest.mark.parametrize("cut", [0, 1, 300, 4096, 5000, SIZE])
def test_a_cut_at_any_block_is_gone_on_from(mount: Any, cut: int) -> None:
    mounted = allowed(mount()).streams()
    mounted.request(UpdateOffer(maker=1))
    mounted.lens.store.flash.cut_after = cut + 4096
    known = mounted.body.lens_info
    mounted.body.spawn(install_firmware(mounted.body, image_for(mounted)))
    # The reports stop with the lens, and the body gives it its supply anew.
    mounted.wait_until(
        lambda: (mounted.body.lens_info is not known and mounted.body.lens_info.reports > 1) or mounted.body.restarts
    )
    mounted.lens.store.flash.cut_after = None
    again(mounted)
    assert runs(mounted) in ("1.0.0.0", "2.0.0.0")
    mounted.run_script(install_firmware(mounted.body, image_for(mounted)))
    again(mounted)
    assert runs(mounted) == "2.0.0.0"


def test_a_body_that_goes_away_in_mid_update_leaves_a_lens_that_starts(mount: Any) -> None:
    mounted = allowed(mount()).streams()
    mounted.body.now = mounted.virtual_session.now
    mounted.body.spawn(install_firmware(mounted.body, image_for(mounted, size=65_536)))
    mounted.run(0.1)
    assert 0 < mounted.lens.store.wanted < 65_536
    again(mounted)
    assert runs(mounted) == "1.0.0.0"
    blocks = len(mounted.of(UpdateBlock))
    mounted.run_script(install_firmware(mounted.body, image_for(mounted, size=65_536)))
    assert len(mounted.of(UpdateBlock)) - blocks < 256, "it goes on where it was"
    again(mounted)
    assert runs(mounted) == "2.0.0.0"


def test_a_lens_without_an_image_says_only_that_and_is_mended(mount: Any, tmp_path: Path) -> None:
    write_image(tmp_path / "new.lmf", image_for(mount()))
    mounted = allowed(mount(script=f"update {tmp_path / 'new.lmf'}; check firmware"))
    mounted.lens.store = FirmwareStore()
    mounted.wait_until(lambda: mounted.body.done)
    states = mounted.of(UpdateState)
    assert {state.stage for state in states[:2]} == {UpdateStage.RECOVERY, UpdateStage.RECEIVING}
    assert mounted.body.compatibility_results[-1].detail == "2.0.0.0"
    assert mounted.body.lens_info.reports > 0


def test_a_lens_without_an_image_is_refused_by_a_body_that_has_none(mount: Any) -> None:
    mounted = mount(script="check all")
    mounted.lens.store = FirmwareStore()
    mounted.wait_until(lambda: mounted.body.done)
    assert [(finding.step, finding.rule) for finding in mounted.body.compatibility_results] == [("attach", "recovery")]


def test_the_body_does_not_offer_what_the_lens_cannot_take(mount: Any) -> None:
    mounted = allowed(mount(lens_changes={"firmware": {"version": "3.0"}})).streams()
    mounted.run_script(install_firmware(mounted.body, image_for(mounted)))
    assert any("version 2.0; the lens runs 3.0" in text for text in mounted.troubles)
    mounted.run_script(install_firmware(mounted.body, make_image(1, 1, b"\x09\0\0\0", SIZE, 1)))
    assert any("for maker 1, model 1" in text for text in mounted.troubles)
    assert mounted.of(UpdateOffer) == []


@pytest.mark.parametrize(
    ("offer", "code"),
    [
        ({"maker": 1}, RejectionCode.NOT_ABLE),
        ({"size": 1 << 24}, RejectionCode.OUT_OF_RANGE),
        ({"firmware": b"\0\x01\0\0"}, RejectionCode.NOT_NOW),
    ],
)
def test_the_lens_refuses_what_it_cannot_take(mount: Any, offer: dict[str, Any], code: RejectionCode) -> None:
    mounted = allowed(mount()).streams()
    right = {"maker": mounted.lens.maker, "model": mounted.lens.model, "firmware": b"\2\0\0\0", "size": SIZE}
    state = mounted.request(UpdateOffer(**right | offer))
    assert (state.stage, state.code) == (UpdateStage.REFUSED, code)


def test_a_lens_without_the_feature_is_not_updated(mount: Any) -> None:
    mounted = allowed(mount(lens_changes={"firmware": {"features": ()}})).streams()
    mounted.run_script(install_firmware(mounted.body, image_for(mounted)))
    mounted.run_script(roll_back_firmware(mounted.body))
    assert mounted.of(UpdateOffer) == []
    answer = mounted.request(UpdateOffer())
    assert isinstance(answer, CommandRejected)
    assert answer.code == RejectionCode.NOT_AGREED


def test_a_script_with_a_wrong_image_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / "no.lmf").write_bytes(b"what")
    with pytest.raises(FirmwareError, match=r"no\.lmf: no firmware image"):
        run_loopback("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", script=f"update {tmp_path / 'no.lmf'}")
