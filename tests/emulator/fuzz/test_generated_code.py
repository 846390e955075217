"""No content of a file becomes code: in generated tests only literals differ, whatever a story says."""

import ast
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensmount_emulator.exports.wireshark import _lua
from lensmount_emulator.fuzz.scenario import MODES, Scenario, to_pytest

BREAKING = (
    '"""',
    "'''",
    "\\",
    '"',
    "'",
    "\n",
    "\r",
    "\0",
    "\x7f",
    "\u2028",
    "\ud800",
    "{",
    "}",
    "#",
    "\x0c",
    "😀",
    "\ufeff",
)
TEXTS = st.text() | st.lists(st.sampled_from([*BREAKING, "import os", "x", " "]), max_size=8).map("".join)
STORIES = st.builds(
    Scenario,
    dialect=TEXTS,
    body=TEXTS,
    lens=TEXTS,
    mode=TEXTS | st.sampled_from(MODES),
    script=TEXTS,
    seed=st.integers(),
    steps=st.lists(TEXTS, max_size=4).map(tuple),
    breaks=TEXTS,
)


def shape(tree: ast.AST) -> str:
    """A program with every literal and every name of a test taken out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = type(node.value).__name__
        elif isinstance(node, ast.FunctionDef):
            assert re.fullmatch(r"test_[0-9a-z_]{1,60}", node.name)
            node.name = "test"
        elif isinstance(node, ast.UnaryOp):
            # A negative seed.
            assert isinstance(node.op, ast.USub)
            node.op, node.operand = ast.UAdd(), ast.Constant("int")
    return ast.dump(tree).replace("UnaryOp(op=UAdd(), operand=Constant(value='int'))", "Constant(value='int')")


@given(STORIES, TEXTS)
@settings(max_examples=40)
def test_in_a_generated_test_only_literals_differ(story, name):
    text = to_pytest(story, name)
    assert text.isascii()
    plain = Scenario("a", "b", "c", steps=("x",) * len(story.steps))
    assert shape(ast.parse(text)) == shape(ast.parse(to_pytest(plain, "name")))


@given(STORIES, TEXTS)
@settings(max_examples=30)
def test_a_generated_test_plays_the_scenario_that_it_was_made_from(story, name):
    played = []
    text = re.sub(r"^from .*\n", "", to_pytest(story, name), flags=re.MULTILINE)

    def play(found):
        played.append(found)
        return type("Outcome", (), {"violations": []})

    space = {"Scenario": Scenario, "run_scenario": play}
    exec(compile(text, "generated", "exec"), space)
    next(function for key, function in space.items() if key.startswith("test_"))()
    assert played == [story]


@pytest.mark.parametrize("name", ["", "x()", "../../etc", "a\nimport os", "Ünïcode", "class", "a" * 500, "1"])
def test_the_name_of_a_generated_test_is_an_identifier(name):
    (function,) = (
        node for node in ast.parse(to_pytest(Scenario("a", "b", "c"), name)).body if isinstance(node, ast.FunctionDef)
    )
    assert function.name.isidentifier()


LUA_STRING = re.compile(r'"(?:[^"\\\n\r]|\\["\\]|\\[0-9]{3})*"')


@given(TEXTS)
@settings(max_examples=100)
def test_a_string_of_lua_ends_where_it_should(text):
    literal = _lua(text)
    assert LUA_STRING.fullmatch(literal)
    assert "\n" not in literal
    unescaped = re.sub(rb"\\([0-9]{3})|\\(.)", lambda m: bytes([int(m[1])]) if m[1] else m[2], literal[1:-1].encode())
    assert unescaped == text.encode("utf-8", "replace")
