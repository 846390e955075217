"""Computes the figures: whole sessions, splits, sessions joined in the middle, lost frames, twins, and controls."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.fidelity.assessment import Assessment, assess, was_made_from
from lensmount_emulator.fidelity.capture_replay import follow_frames, make_follower
from lensmount_emulator.profiles.library import Profile, load_profile
from lensmount_emulator.twin.make import TwinRequest, make_twin
from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.decoder import DecodedFrame, Decoder, OrderedDecoder
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.wire import Role

SHARE = 0.6
PLACES = 12

PROFILES = (
    ("a6000_sel55210_init_55.sr", "sel55210"),
    ("a6000_sel55210_init_55.sr", "a6000"),
    ("a6000_ef50_viltrox_init.sr", "viltrox-ef50"),
    ("a6000_ef50_viltrox_init.sr", "a6000"),
    ("nex7-voigtlander-15mm-f4.5-inf.txt", "voigtlander-15"),
    ("nex7-voigtlander-15mm-f4.5-inf.txt", "nex7"),
    ("nex7-voigtlander-15mm-closing-aperture.txt", "voigtlander-15"),
    ("nex7-voigtlander-15mm-closing-aperture.txt", "nex7"),
    ("nex7-zeiss-28mm-at-2.8-init.txt", "loxia-21"),
    ("nex7-zeiss-28mm-at-2.8-init.txt", "nex7"),
    ("nex7-sony-28-70mm-at-70mm.txt", "sel2870"),
    ("nex7-sony-28-70mm-at-70mm.txt", "nex7"),
)
"""Capture and the profile that takes its device's place."""

OTHERS = (
    ("nex7-zeiss-28mm-at-2.8-init.txt", "voigtlander-15"),
    ("nex7-voigtlander-15mm-f4.5-inf.txt", "loxia-21"),
    ("a6000_sel55210_init_55.sr", "sel2870"),
)
"""The control: a capture of another lens."""

MOVING = frozenset({"nex7-voigtlander-15mm-closing-aperture.txt", "nex7-sony-28-70mm-at-70mm.txt"})
"""Sessions in which a ring or a motor moves; the others rest."""


@dataclass(frozen=True, slots=True)
class Share:
    """A count of strict replies.

    Attributes:
        strict: those.
        replies: all.
        worst: the lowest share of the sessions that were counted.
    """

    strict: int
    replies: int
    worst: float

    def text(self) -> str:
        """The count as text."""
        share = self.strict / self.replies if self.replies else 0.0
        return f"{self.strict:6} of {self.replies:6} {share:7.1%}, worst {self.worst:6.1%}"


def frames_of(path: Path) -> list[DecodedFrame]:
    """The frames of a capture, in order."""
    records = open_capture(path, EMOUNT.wiring).records
    return [one for one in OrderedDecoder(Decoder(EMOUNT)).decode(records) if isinstance(one, DecodedFrame)]


def assess_file(path: Path, profile: Profile, split: float | None = None) -> Assessment:
    """The assessment of a profile on a capture."""
    records = list(open_capture(path, EMOUNT.wiring).records)
    return assess(records, EMOUNT, profile, split=split, in_sample=was_made_from(profile, path, split))


def score_sessions(profile: Profile, sessions: Sequence[Sequence[DecodedFrame]]) -> Share:
    """Follow sessions, and count the strict replies of all."""
    strict = replies = 0
    worst = 1.0
    for frames in sessions:
        scored = [one for one in follow_frames(make_follower(EMOUNT, profile), frames) if one.scored]
        right = sum(one.strict for one in scored)
        strict, replies = strict + right, replies + len(scored)
        worst = min(worst, right / len(scored) if scored else 0.0)
    return Share(strict, replies, worst)


def joined(frames: Sequence[DecodedFrame], places: int = PLACES) -> list[Sequence[DecodedFrame]]:
    """The session as it is from several places of its stream on, from its begin to three quarters."""
    loop = [at for at, one in enumerate(frames) if one.frame.class_ == 1]
    first, last = loop[0], loop[-1]
    return [frames[first + int((last - first) * (0.02 + 0.75 * n / max(1, places - 1))) :] for n in range(places)]


def with_loss(
    frames: Sequence[DecodedFrame], sender: Role = Role.BODY, places: int = PLACES
) -> list[Sequence[DecodedFrame]]:
    """The session without one frame of an end, at several places."""
    sent = [at for at, one in enumerate(frames) if one.sender is sender]
    chosen = [sent[int((len(sent) - 1) * n / max(1, places - 1))] for n in range(places)]
    return [[*frames[:at], *frames[at + 1 :]] for at in chosen]


@dataclass(frozen=True, slots=True)
class TwinFigure:
    """A twin of a capture.

    Attributes:
        strict: strict replies of the last 40 %.
        within_noise: strict or within noise.
        replies: all of them.
        size: bytes that it stores, by the reply bytes of the session.
        played: the same part with the twin in the engine, as `fidelity` counts it.
        joined: sessions joined at several places.
        lost: sessions with one lost body frame.
    """

    strict: int
    within_noise: int
    replies: int
    size: float
    played: int
    joined: Share
    lost: Share


def twin_figure(path: Path, places: int = PLACES) -> TwinFigure:
    """Make a twin of the first 60 % of a capture and score it on the rest."""
    result = make_twin(TwinRequest([path], place=Place.LENS))
    frames = frames_of(path)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "twin.toml"
        file.write_text(result.profile, encoding="utf-8")
        profile = load_profile(str(file))
    score = result.score
    return TwinFigure(
        score.strict,
        score.within_noise,
        score.replies,
        score.twin_bytes / max(1, result.whole.reply_bytes),
        assess_file(path, profile, SHARE).score.strict,
        score_sessions(profile, joined(frames, places)),
        score_sessions(profile, with_loss(frames, places=places)),
    )


def profile_rows(folder: Path) -> Iterator[str]:
    """The table of profiles on whole sessions and on the last 40 %."""
    yield (
        f"{'profile':16}{'capture':44}{'strict':>14}{'older figure':>14}{'informative':>13}{'skill':>7}{'shuffled':>9}"
        f"{'last 40 %':>12}{'noise':>6}"
    )
    for name, profile_name in PROFILES:
        profile = load_profile(profile_name)
        whole = assess_file(folder / name, profile)
        rest = assess_file(folder / name, profile, SHARE).score
        score = whole.score
        older = "-" if whole.replay is None else f"{whole.replay.exact}/{whole.replay.expected}"
        informative = score.informative_exact / max(1, score.informative_bytes)
        skill = "-" if score.skill is None else f"{score.skill:.3f}"
        mark = "*" if score.in_sample else " "
        yield (
            f"{profile_name:16}{name:44}{f'{score.strict}/{score.replies}{mark}':>14}{older:>14}{informative:>13.1%}"
            f"{skill:>7}{whole.control.strict:>9}{f'{rest.strict}/{rest.replies}':>12}{rest.within_noise:>6}"
        )
    yield "* in sample: the profile was made from this capture"
