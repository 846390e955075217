"""Renders the files of a scaffold: plain files with `string.Template`; their paths hold names as `__name__`."""

import keyword
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from lensmount_emulator.engine.dialect_roles import get_roles, playable_dialects
from lensmount_emulator.faults.registry import known_faults
from lensmount_emulator.firmware.build import example_folder
from lensmount_emulator.profiles.library import load_profile, profile_names, profile_text
from lensmount_protocol.dialect import dialect_names, load_dialect
from lensmount_protocol.errors import MountError, ProfileError
from lensmount_protocol.wire import Role

SUFFIX = ".tmpl"

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
MAX_NAME = 40

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([\w.]+)"', re.MULTILINE)

EXAMPLE_BODY_SCRIPT = "focus near; aperture f/8; sleep; wake"
"""Steps that the example of a body in C knows."""


class ScaffoldError(MountError):
    """A name that cannot be used, or that is taken."""


def check_name(name: str, kind: str) -> str:
    """Return a name for something new.

    Raises:
        ScaffoldError: it is no name, is too long, or cannot be a package of Python.
    """
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise ScaffoldError(
            f"{name!r} is no name for a {kind}; write small letters, digits and single hyphens, a letter first, at "
            f"most {MAX_NAME}: acme-mount"
        )
    if keyword.iskeyword(name.replace("-", "_")):
        raise ScaffoldError(f"{name!r} is a word of Python's own; choose another name for the {kind}")
    return name


def render_scaffold(kind: str, words: Mapping[str, str]) -> dict[str, str]:
    """Return file name -> text of a scaffold.

    Args:
        kind: the folder of the scaffold.
        words: name -> text, for the templates and for the paths.
    """
    found: dict[str, str] = {}
    for path, template in _templates(files("lensmount_emulator.scaffold").joinpath(kind), ""):
        for name, word in words.items():
            path = path.replace(f"__{name}__", word)
        found[path.replace("__dot__", ".")] = Template(template).substitute(words)
    return found


def _templates(folder: Traversable, path: str) -> Iterator[tuple[str, str]]:
    for item in sorted(folder.iterdir(), key=lambda one: one.name):
        if item.is_dir():
            yield from _templates(item, f"{path}{item.name}/")
        elif item.name.endswith(SUFFIX):
            yield f"{path}{item.name.removesuffix(SUFFIX)}", item.read_text(encoding="utf-8")


UART_MODULES = ("engine.py",)
"""Modules of the package that a clocked dialect does without: its bursts need no queue of frames."""


def new_dialect(name: str, *, clocked: bool = False) -> dict[str, str]:
    """Return file name -> text of an installable package with a dialect that plays.

    Args:
        name: name of the dialect.
        clocked: whether one end drives a clock and both shift at once, in place of a UART in each direction.

    Raises:
        ScaffoldError: the name is none, or an installed dialect has it.
    """
    check_name(name, "dialect")
    if name in dialect_names():
        raise ScaffoldError(f"a dialect {name!r} is installed already; choose another name")
    files = render_scaffold("dialect", package_words(name))
    if not clocked:
        return files
    kept = {path: text for path, text in files.items() if path.rpartition("/")[2] not in UART_MODULES}
    return kept | render_scaffold("clocked", package_words(name))


def new_fault(name: str) -> dict[str, str]:
    """Return file name -> text of an installable package with a fault.

    Raises:
        ScaffoldError: the name is none, or a fault has it.
    """
    check_name(name, "fault")
    if name in known_faults():
        raise ScaffoldError(f"a fault {name!r} is installed already; choose another name")
    return render_scaffold("fault", package_words(name))


ADAPTER_BODY, ADAPTER_FAR = "panasonic-s1r", "emount"
"""The body of sessions with a new adapter, and the dialect of the lens that the example carries."""


def new_firmware(name: str, role: str, dialect: str) -> dict[str, str]:
    """Return file name -> text of a repository with firmware in C that is ready to build, from an example.

    Args:
        name: name of the repository and of the C file.
        role: `lens`, `body` or `adapter`.
        dialect: the dialect.

    Raises:
        ScaffoldError: the name is none, or no example has that role.
        DialectError: the dialect is unknown.
    """
    check_name(name, "firmware")
    example = example_folder() / f"{dialect}_{role}.c"
    if not example.is_file():
        load_dialect(dialect)
        known = ", ".join(sorted(path.stem.replace("_", " ") for path in example_folder().glob("*.c")))
        raise ScaffoldError(f"there is no example of a {role} of {dialect}; there are: {known}")
    roles = get_roles(dialect)
    body, lens = roles.default_body, roles.default_lens
    files = _included_files(example)
    sources = [f"{name}.c", *files]
    fuzz = (
        f"lensmount fuzz session --{role}-firmware ./{name}-fuzz.so --seconds $(SECONDS) --jobs 2 --output-dir findings"
    )
    about = "60 s of fuzzing, with sanitizers and coverage; findings are scenarios that replay"
    if role == "adapter":
        body, lens = ADAPTER_BODY, get_roles(ADAPTER_FAR).default_lens
        files |= render_scaffold("firmware_adapter", {"dialect": dialect, "body": body, "lens": lens})
        fuzz = f"lensmount campaign faults.toml --adapter-firmware ./{name}-fuzz.so --output findings/faults.sqlite"
        about = "sessions with faults of the mount, with sanitizers: faults.toml; each case runs again by its number"
    arguments, ends = {
        "lens": (f"--body {body}", f'"{body}", library'),
        "body": (f"--lens {lens}", f'library, "{lens}"'),
        "adapter": (f"--body {body} --lens {lens}", f'"{body}", "{lens}", accessories=[library]'),
    }[role]
    # The example of a body knows some steps only.
    script = EXAMPLE_BODY_SCRIPT if role == "body" else roles.check_script
    words = {
        **package_words(name),
        "role": role,
        "article": "an" if role == "adapter" else "a",
        "dialect": dialect,
        "source": f"{name}.c",
        "sources": " ".join(sources),
        "option": f"{role}-firmware",
        "arguments": f"{arguments} --script '{script}'",
        "ends": ends,
        "script": script,
        "fuzz": fuzz,
        "about_fuzz": about,
    }
    text = re.sub(rf"\b{example.stem}\b", name, example.read_text(encoding="utf-8"))
    return {f"{name}.c": text, **files, **render_scaffold("firmware", words)}


def _included_files(example: Path) -> dict[str, str]:
    """Return file name -> text of what an example includes from its folder, in the order of inclusion."""
    files: dict[str, str] = {}
    waiting = [example]
    while waiting:
        for name in _INCLUDE.findall(waiting.pop(0).read_text(encoding="utf-8")):
            file = example_folder() / name
            if name not in files and file.is_file():
                files[name] = file.read_text(encoding="utf-8")
                waiting.append(file)
    return files


def new_test(name: str, body: str | None, lens: str | None, dialect: str | None) -> dict[str, str]:
    """Return file name -> text of a repository with tests of a device.

    Args:
        name: name of the repository.
        body: profile of the body; `None` for the usual one.
        lens: profile of the lens; `None` for the usual one.
        dialect: the dialect of the usual ones; `None` for that of the named profile.

    Raises:
        ScaffoldError: the name is none, or no dialect is known.
        ProfileError: a profile is unknown, or of another dialect.
        DialectError: the dialect is unknown.
    """
    check_name(name, "repository")
    profiles = [
        load_profile(named, role) for named, role in ((body, Role.BODY), (lens, Role.LENS)) if named is not None
    ]
    dialects = {*([dialect] if dialect else []), *(profile.dialect for profile in profiles)}
    if len(dialects) > 1:
        raise ProfileError(f"the profiles and --dialect name {' and '.join(sorted(dialects))}; one dialect is needed")
    if not dialects:
        raise ScaffoldError(f"name --dialect, --body or --lens; dialects: {', '.join(playable_dialects())}")
    roles = get_roles(dialects.pop())
    words = {
        **package_words(name),
        "body": body or roles.default_body,
        "lens": lens or roles.default_lens,
        "script": roles.demo_script or roles.check_script or "wait 0.5",
    }
    return render_scaffold("test", {key: word.replace("\\", "\\\\").replace('"', '\\"') for key, word in words.items()})


def new_profile(name: str, like: str) -> dict[str, str]:
    """Return file name -> text of a profile with every value of another one.

    Raises:
        ScaffoldError: the name is none, or a profile has it.
        ProfileError: the other profile is unknown, or has no file of its own.
    """
    check_name(name, "profile")
    if name in profile_names():
        raise ScaffoldError(f"a profile {name!r} is installed already; choose another name")
    text = profile_text(like)
    head = re.compile(r"^(name|title)(\s*=\s*).*$", re.MULTILINE)
    before, mark, rest = text.partition("[profile]")
    if not mark:
        raise ProfileError(f"profile {like!r} has no table [profile] to change")
    table, bracket, after = rest.partition("\n[")
    title = f"{name}, made from {load_profile(like).name}"
    words = {"name": name, "title": title}
    changed = head.sub(lambda match: f'{match[1]}{match[2]}"{words[match[1]]}"', table)
    note = f"# Made from the profile {load_profile(like).name}; change what your device does otherwise.\n"
    return {f"{name}.toml": note + before + mark + changed + bracket + after}


def package_words(name: str) -> dict[str, str]:
    """The words of a package: distribution, import package, class and constant."""
    plain = name.replace("-", "_")
    return {
        "name": name,
        "distribution": f"lensmount-{name.replace('_', '-')}",
        "package": f"lensmount_{plain}",
        "Class": "".join(part.capitalize() for part in plain.split("_")),
        "UPPER": plain.upper(),
    }
