"""The proof of updates that are cut: a share of it here, all of it by `make firmware-power-cuts`."""

import sys

import pytest

from lensmount_emulator.verification.update_power_cuts import UpdateCuts, main


def test_an_update_of_64_kib_may_be_cut_anywhere() -> None:
    cuts = UpdateCuts(65_536)
    found = cuts.try_cuts(every=37)
    # Each byte is programmed and its sector erased; the journal comes on top, and turns over.
    assert cuts.work > 2 * 65_536 + 4096
    assert found.cuts == -(-cuts.work // 37)
    assert not found.failures
    assert found.ends == {"resumed": found.cuts, "rolled back": found.cuts, "left alone": found.cuts}
    assert found.shortened > 0.9 * found.cuts


def test_the_short_way_and_the_long_way_end_alike() -> None:
    short, long = (UpdateCuts(9000, to_the_end=whole).try_cuts(every=101) for whole in (False, True))
    assert long.shortened == 0
    assert (short.cuts, short.ends, short.failed) == (long.cuts, long.ends, long.failed)


def test_every_cut_of_a_small_image() -> None:
    found = UpdateCuts(300).try_cuts()
    assert found.cuts > 4096
    assert found.failed == 0


def test_the_proof_fails_where_the_store_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    from lensmount_emulator.models.firmware_store import FirmwareStore

    cuts = UpdateCuts(9000)
    monkeypatch.setattr(FirmwareStore, "_is_whole", lambda store, slot: False)
    found = cuts.try_cuts(every=500)
    assert found.failed == 3 * found.cuts
    assert "it is in recovery" in found.failures[0]


def test_it_runs_by_itself(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["update_cuts", "--size", "5000", "--every", "999"])
    assert main() == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("end with a lens that starts (100.00%)")
