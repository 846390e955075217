"""A fixed share of `make hostile`, and that the harness finds what it looks for."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATH = ":".join(str(ROOT / folder) for folder in ("tests", "protocol", "hardware", "emulator"))


VERBS_THAT_READ_FILES = (
    *("bridge", "campaign", "campaign report", "campaign rerun", "decode", "explain", "export", "fidelity", "firmware"),
    *("flash", "fuzz parser", "fuzz session", "learn check", "learn cover", "learn diff", "ledger", "loopback"),
    *("margins", "matrix", "monitor", "new profile", "plot", "replay", "rules check", "rules export", "shadow", "twin"),
)


def start(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], env={"PYTHONPATH": PATH}, capture_output=True, text=True, check=False
    )


def test_hostile_files_end_with_a_result_or_one_line(tmp_path: Path) -> None:
    result = start("-m", "hostile", "120", "--seed", "7", "--workers", "1", "--crafted", "0", "--kept", str(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "120 hostile files, 120 runs" in result.stdout
    assert "0 are wrong" in result.stdout
    tried = re.findall(r"[a-z][a-z ]*[a-z](?= [0-9])", result.stdout.partition("verbs: ")[2].partition("\n")[0])
    assert sorted(tried) == sorted(VERBS_THAT_READ_FILES)


PLANTED = """
import sys
import hostile.harness as harness
import hostile.__main__ as program
from lensmount_hardware.captures import formats, lmx
preload = harness.preload
def planted():
    preload()
    {fault}
harness.preload = planted
harness.make_seeds = lambda folder, made=harness.make_seeds: [one for one in made(folder) if one.name == "emount.lmx"]
harness.seeds_read = lambda seeds, folder: []
sys.argv = ["hostile", "4", "--workers", "1", "--crafted", "0", "--kept", {kept!r}]
sys.exit(program.main())
"""

FAULTS = {
    "a defect of lensmount (TypeError": "formats.Source = None",
    "s of the processor": "import hostile.trial as trial; trial.CPU_S = 0",
    "MB of memory": "import hostile.trial as trial; trial.MEMORY = 1 << 24",
}


def test_the_harness_finds_defects_and_excess(tmp_path: Path) -> None:
    for words, fault in FAULTS.items():
        kept = tmp_path / str(len(words))
        result = start("-c", PLANTED.format(fault=fault, kept=str(kept)))
        assert result.returncode == 1, result.stdout + result.stderr
        assert words in result.stdout
        assert list(kept.iterdir()), "what breaks something is not kept"


def test_a_run_over_nothing_fails() -> None:
    code = (
        "import hostile.harness as h, hostile.__main__ as p; p.run_all = lambda *_, **__: h.Figures(); print(p.main())"
    )
    result = start("-c", code)
    assert "there was nothing to try" in result.stdout
    assert result.stdout.endswith("1\n")
