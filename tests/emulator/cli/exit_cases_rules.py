"""Cases for the verb of rules."""

from pathlib import Path

from .exit_cases import Bench, case  # noqa: TID252  helpers of this folder
from .exit_inputs import folder, missing, unreadable  # noqa: TID252  helpers of this folder


def rules(bench: Bench) -> Path:
    """A file with a rule that a table can do."""
    path = bench.folder / "rules.toml"
    path.write_text('[[rules]]\non = "LensStatus"\nset = { focal_length_dmm = 777 }\n')
    return path


def _check(bench: Bench, path: Path, *words: object) -> int:
    return bench.run("rules", "check", path, *words)


def _export(bench: Bench, path: Path, *words: object) -> int:
    return bench.run("rules", "export", path, "--to", "c", "--output", bench.folder / "tube", *words)


def _half(bench: Bench) -> Path:
    path = rules(bench)
    path.write_bytes(path.read_bytes()[:-5])
    return path


def _nothing(bench: Bench) -> Path:
    path = bench.folder / "relay.toml"
    path.write_text('way = "cut-through"\n')
    return path


for _verb, _words in (("rules check", _check), ("rules export", _export)):
    case(_verb, "done")(lambda bench, words=_words: words(bench, rules(bench)))
    case(_verb, "nothing")(lambda bench, words=_words: words(bench, _nothing(bench)))
    case(_verb, "half")(lambda bench, words=_words: words(bench, _half(bench)))
    case(_verb, "dialect")(lambda bench, words=_words: words(bench, rules(bench), "--dialect", "lmount"))
    case(_verb, "missing")(lambda bench, words=_words: words(bench, missing(bench)))
    case(_verb, "folder")(lambda bench, words=_words: words(bench, folder(bench)))
    case(_verb, "unreadable")(lambda bench, words=_words: words(bench, unreadable(rules, bench)))


case("rules check", "full")(lambda bench: bench.run_on_full_disk("rules", "check", rules(bench)))
case("rules check", "pipe")(lambda bench: bench.run_on_closed_pipe("rules", "check", rules(bench)))


@case("rules export", "exists")
def _(bench: Bench) -> int:
    assert _export(bench, rules(bench)) == 0
    return _export(bench, rules(bench))
