"""The form of a campaign's results: one SQLite file, its tables, and the marks by which it is known."""

APPLICATION = 0x6C6D6361
"""What SQLite keeps as the application's number: `lmca`."""

VERSION = 2
"""2: how far the script came, the outcome that was expected, and the standing; `held` in place of `passed`."""

TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE begins (number INTEGER PRIMARY KEY, story TEXT NOT NULL UNIQUE);
CREATE TABLE cases (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, dialect TEXT NOT NULL, body TEXT NOT NULL, lens TEXT NOT NULL,
    accessories TEXT NOT NULL, faults TEXT NOT NULL, seed INTEGER NOT NULL, script TEXT NOT NULL, limit_s REAL NOT NULL,
    steps INTEGER NOT NULL, checks TEXT NOT NULL, standing TEXT NOT NULL,
    verdict TEXT NOT NULL, invariants TEXT NOT NULL,
    script_complete INTEGER NOT NULL, script_done INTEGER NOT NULL, script_steps INTEGER NOT NULL,
    script_stopped TEXT NOT NULL, declined TEXT NOT NULL, expected TEXT NOT NULL, outcome TEXT NOT NULL,
    trouble TEXT NOT NULL, trouble_at REAL, told TEXT NOT NULL, seconds REAL NOT NULL, took REAL NOT NULL,
    frames INTEGER NOT NULL, bytes INTEGER NOT NULL, digest TEXT NOT NULL, file TEXT NOT NULL, story TEXT NOT NULL
);
CREATE TABLE complaints (
    number INTEGER NOT NULL, place INTEGER NOT NULL, invariant TEXT NOT NULL, at REAL NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (number, place)
) WITHOUT ROWID;
CREATE TABLE messages (
    number INTEGER NOT NULL, sender TEXT NOT NULL, message TEXT NOT NULL, frames INTEGER NOT NULL,
    bytes INTEGER NOT NULL, PRIMARY KEY (number, sender, message)
) WITHOUT ROWID;
CREATE TABLE replies (
    number INTEGER NOT NULL, message TEXT NOT NULL, from_us INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (number, message, from_us)
) WITHOUT ROWID;
CREATE TABLE states (
    number INTEGER NOT NULL, end TEXT NOT NULL, state TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (number, end, state)
) WITHOUT ROWID;
CREATE TABLE transitions (
    number INTEGER NOT NULL, end TEXT NOT NULL, state TEXT NOT NULL, cause TEXT NOT NULL, next TEXT NOT NULL,
    count INTEGER NOT NULL, PRIMARY KEY (number, end, state, cause, next)
) WITHOUT ROWID;
"""

CASE_COLUMNS = (
    *("number", "kind", "dialect", "body", "lens", "accessories", "faults", "seed", "script", "limit_s", "steps"),
    *("checks", "standing", "verdict", "invariants", "script_complete", "script_done", "script_steps"),
    *("script_stopped", "declined", "expected", "outcome"),
    *("trouble", "trouble_at", "told", "seconds", "took", "frames", "bytes"),
    *("digest", "file", "story"),
)
"""Columns of `cases`: what `--where` may ask for. Lists in them are joined by `; `."""

JOINT = "; "
