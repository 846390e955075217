"""Learned state machines: alphabets, learning, words that test a build, and differences."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.engine.traits import Answer as Answer
    from lensmount_emulator.engine.traits import LearnTraits as LearnTraits
    from lensmount_emulator.engine.traits import OutputToken as OutputToken
    from lensmount_emulator.learn.alphabet import Alphabet as Alphabet
    from lensmount_emulator.learn.alphabet import Letter as Letter
    from lensmount_emulator.learn.alphabet import list_alphabets as list_alphabets
    from lensmount_emulator.learn.alphabet import load_alphabet as load_alphabet
    from lensmount_emulator.learn.compare import CheckResult as CheckResult
    from lensmount_emulator.learn.compare import Difference as Difference
    from lensmount_emulator.learn.compare import check_words as check_words
    from lensmount_emulator.learn.compare import diff_machines as diff_machines
    from lensmount_emulator.learn.compare import transition_cover as transition_cover
    from lensmount_emulator.learn.compare import wp_method as wp_method
    from lensmount_emulator.learn.learner import LearnError as LearnError
    from lensmount_emulator.learn.learner import learn as learn
    from lensmount_emulator.learn.machine import Machine as Machine
    from lensmount_emulator.learn.machine import read_machine as read_machine
    from lensmount_emulator.learn.port_system import PortSystem as PortSystem
    from lensmount_emulator.learn.queries import NondeterminismError as NondeterminismError
    from lensmount_emulator.learn.queries import Queries as Queries
    from lensmount_emulator.learn.queries import QueryCache as QueryCache
    from lensmount_emulator.learn.system import VirtualSystem as VirtualSystem
    from lensmount_emulator.learn.system import play_word as play_word
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "Alphabet",
    "Answer",
    "CheckResult",
    "Difference",
    "LearnError",
    "LearnTraits",
    "Letter",
    "Machine",
    "NondeterminismError",
    "OutputToken",
    "PortSystem",
    "Queries",
    "QueryCache",
    "VirtualSystem",
    "check_words",
    "diff_machines",
    "learn",
    "list_alphabets",
    "load_alphabet",
    "play_word",
    "read_machine",
    "transition_cover",
    "wp_method",
]

_NAMES = {
    "Alphabet": ("lensmount_emulator.learn.alphabet", "Alphabet"),
    "Answer": ("lensmount_emulator.engine.traits", "Answer"),
    "CheckResult": ("lensmount_emulator.learn.compare", "CheckResult"),
    "Difference": ("lensmount_emulator.learn.compare", "Difference"),
    "LearnError": ("lensmount_emulator.learn.learner", "LearnError"),
    "LearnTraits": ("lensmount_emulator.engine.traits", "LearnTraits"),
    "Letter": ("lensmount_emulator.learn.alphabet", "Letter"),
    "Machine": ("lensmount_emulator.learn.machine", "Machine"),
    "NondeterminismError": ("lensmount_emulator.learn.queries", "NondeterminismError"),
    "OutputToken": ("lensmount_emulator.engine.traits", "OutputToken"),
    "PortSystem": ("lensmount_emulator.learn.port_system", "PortSystem"),
    "Queries": ("lensmount_emulator.learn.queries", "Queries"),
    "QueryCache": ("lensmount_emulator.learn.queries", "QueryCache"),
    "VirtualSystem": ("lensmount_emulator.learn.system", "VirtualSystem"),
    "check_words": ("lensmount_emulator.learn.compare", "check_words"),
    "diff_machines": ("lensmount_emulator.learn.compare", "diff_machines"),
    "learn": ("lensmount_emulator.learn.learner", "learn"),
    "list_alphabets": ("lensmount_emulator.learn.alphabet", "list_alphabets"),
    "load_alphabet": ("lensmount_emulator.learn.alphabet", "load_alphabet"),
    "play_word": ("lensmount_emulator.learn.system", "play_word"),
    "read_machine": ("lensmount_emulator.learn.machine", "read_machine"),
    "transition_cover": ("lensmount_emulator.learn.compare", "transition_cover"),
    "wp_method": ("lensmount_emulator.learn.compare", "wp_method"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
