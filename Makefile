# Two commands carry the project: `make demo` shows it, `make test` proves it. Each builds its own environment.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.bench-installed
MUTATION_STAMP := $(VENV)/.mutation-installed
PROJECT_STAMP := $(VENV)/.project-installed
DOCS_STAMP := $(VENV)/.docs-installed
AGREEMENT_STAMP := $(VENV)/.agreement-installed

# The page of `lensmount ui`, built from `web/page` with Node; what it builds is committed, and `page-check` compares it.
# The system's Node, or else the one that comes into the environment with pyright.
page page-check web/page/node_modules: export PATH := $(PATH):$(abspath $(BIN))

.PHONY: page page-check page-budgets screenshots openapi
page: web/page/node_modules
	@cd web/page && npm run --silent check && npm run --silent build

page-check: web/page/node_modules
	@cd web/page && npm run --silent check && npm run --silent test && npx vite build --logLevel error --outDir ../../build/page --emptyOutDir
	@diff -r build/page emulator/lensmount_web/static && echo "the built page is that of its sources"

web/page/node_modules: web/page/package-lock.json
	@cd web/page && npm ci --silent --no-audit --no-fund && touch node_modules

# Times and sizes of the page in Chromium, each with its budget; SCALE=1.5 in CI.
SCALE ?= 1
ROUNDS ?= 5

page-budgets: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m page_budgets --scale $(SCALE) --rounds $(ROUNDS)

# Live ports with the page open: both ends at 1.5 Mbaud for MINUTES without a lost byte, and lateness with and without it
# in PAIRS of short rounds.
MINUTES ?= 10
PAIRS ?= 5

.PHONY: page-live
page-live: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m page_live --minutes $(MINUTES) --rounds $(PAIRS)

# The interface of the page under generated calls, by schemathesis: no answer of 5xx.
PAGE_CALLS ?= 5000
PAGE_STAMP := $(VENV)/.page-installed

.PHONY: page-fuzz
page-fuzz: $(PAGE_STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m page_fuzz --calls $(PAGE_CALLS)

$(PAGE_STAMP): $(STAMP)
	@echo "adding schemathesis to $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group page
	@touch $@

# The pictures of the page in the documentation, light and dark.
screenshots: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m page_screenshots

# The description of the page's interface, from its table of routes.
openapi: $(STAMP)
	@$(BIN)/python -m lensmount_web > docs/reference/openapi.json

.PHONY: demo test check lint types fuzz verify-codec independent-decoder firmware-power-cuts truncated-recordings soak bench metrics clean \
	firmware firmware-fuzz firmware-interrupts firmware-coverage firmware-emulated fuzz-parser fuzz-session fuzz-device recovery-rate \
	mutants mutation bench-campaign state-audit timing-mutants hostile golden \
	setup hooks release changelog docs twin-figures

demo: $(STAMP)
	@$(BIN)/lensmount demo

test: $(STAMP)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

# The tests that wait for real time, processes, compilers, installations or a browser: about eight minutes. CI runs them too.
.PHONY: test-slow
test-slow: $(STAMP)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

# The environment for development, and the checks of `make lint` before each commit.
setup: $(STAMP)
	@echo "ready: . $(BIN)/activate"

hooks: $(PROJECT_STAMP)
	@$(BIN)/pre-commit install

# Everything that CI holds a change to.
check: $(STAMP) lint types
	@$(BIN)/python -m coverage run -m pytest
	@$(BIN)/python -m coverage report --skip-covered --fail-under=85

lint: $(STAMP)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports

types: $(STAMP)
	@$(BIN)/mypy
	@$(BIN)/pyright

# The property tests at length, with other examples each time.
EXAMPLES ?= 5000

fuzz: $(STAMP)
	@LENSMOUNT_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q tests/protocol tests/emulator/roles tests/emulator/models

# Generated code against construct, at length.
CASES ?= 1000000

verify-codec: $(STAMP)
	@$(BIN)/lensmount verify-codec emount --cases $(CASES)
	@$(BIN)/lensmount verify-codec lmount --cases $(CASES)

# One corpus a dialect, valid and damaged, by every decoder that `export` writes: construct, Python, C, tables, tshark,
# sigrok-cli and Kaitai Struct. DIALECTS may name dialects of other packages.
ENTRIES ?= 20000
DIALECTS ?= emount lmount fuji-g mft

.PHONY: agreement
agreement: $(AGREEMENT_STAMP)
	@for dialect in $(DIALECTS); do \
		$(BIN)/lensmount verify-codec $$dialect --exports --cases $(ENTRIES) --seed $(SEED) --quiet || exit 1; done

# The exported C codec against hand-written C of the same message, in decodes a second.
.PHONY: codec-speed
codec-speed: $(STAMP)
	@$(BIN)/python tests/benchmarks/c_codec.py

# The conformance suite on dialects: a table of all checks, for a release.
.PHONY: conformance
conformance: $(STAMP)
	@$(BIN)/python -m lensmount.testing.conformance $(DIALECTS)

# Firmware of a lens, its update cut at every byte, resumed and rolled back: `make firmware-power-cuts`, a minute or two.
EVERY ?= 1

firmware-power-cuts: $(STAMP)
	@$(BIN)/python -m lensmount_emulator.verification.update_power_cuts --every $(EVERY)

# Recordings of whole sessions cut at every byte, `.lmx` and `.pcapng`: some minutes.
truncated-recordings: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m truncation --every $(EVERY)

# Readers under ten million inputs each, sessions under a million steps, and ten thousand sessions with one fault each.
INPUTS ?= 10000000
STEPS ?= 1000000
SESSIONS ?= 10000
SEED ?= 1

fuzz-parser: $(STAMP)
	@$(BIN)/lensmount fuzz parser emount --cases $(INPUTS) --seed $(SEED)
	@$(BIN)/lensmount fuzz parser lmount --cases $(INPUTS) --seed $(SEED)

fuzz-session: $(STAMP)
	@$(BIN)/lensmount fuzz session --steps $(STEPS) --seed $(SEED)

recovery-rate: $(STAMP)
	@$(BIN)/python -m lensmount_emulator.fuzz.recovery_rate --sessions $(SESSIONS) --seed $(SEED)

# A lens that is served on a pseudo-terminal with ten planted crashes and two hangs: how many are found and written down.
DEVICE ?= lmount lens
DEVICE_SECONDS ?= 900

fuzz-device: $(STAMP)
	@$(BIN)/python tests/emulator/fuzz/device/measure_detection.py $(DEVICE) --seconds $(DEVICE_SECONDS) --seed $(SEED)

# A campaign in two processes against one, by turns, with the load of the machine.
SCALE_CASES ?= 200

bench-campaign: $(STAMP)
	@PYTHONPATH=tests $(BIN)/python -m benchmarks.campaign_scale --cases $(SCALE_CASES)

# The send guard under streams that try to get forbidden frames past it, judged by a scanner written from the specifications.
STREAMS ?= 1000000
JOBS ?= 2

.PHONY: guard-scan
guard-scan: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m guard_scan $(STREAMS) --seed $(SEED) --jobs $(JOBS)

# Small bugs put in one at a time; how many of them the three above find in what two cores do in five minutes.
mutants: $(STAMP)
	@$(BIN)/python tests/emulator/fuzz/mutants.py

# Small changes of the code, a sample of them by SEED, each against the tests that run its line: the score per module.
# It uses MUTATION_JOBS processes and goes on where it was interrupted; MUTATION="--survivors" lists what survived.
MUTATION_JOBS ?= 2
MUTATION ?=

mutation: $(MUTATION_STAMP)
	@PYTHONPATH=tests $(BIN)/python -m mutation --seed $(SEED) --jobs $(MUTATION_JOBS) $(MUTATION)

# Every state and message of both dialects, at both ends: what a refusal changes, what is ignored, what has no way out.
state-audit: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m state_audit

# Every timing constant of both ends changed by a fifth: which of them no row of the timing table notices, and why.
timing-mutants: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m timing_table

# The Fuji G lens in the place of the captured one, by kind of word; the captures are not part of the project.
FUJI_CAPTURES ?=

.PHONY: fuji-g
fuji-g: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m fuji_g $(FUJI_CAPTURES)

# The decoder that was written from the specification alone, on the recordings of the whole matrix.
independent-decoder: $(STAMP)
	@$(BIN)/python tests/protocol/independent/whole_matrix.py

# Twins from the public captures of the E-mount, which are not part of the project: each figure next to its target.
CAPTURES ?= ../shared/captures/e-mount

twin-figures: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m twin_figures $(CAPTURES)

# Explanations: the known kinds, good sessions, and further breakages of two generators by EXPLAIN_SEED.
EXPLAIN_SEED ?= 1

.PHONY: explain-score
explain-score: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m explain_score --seed $(EXPLAIN_SEED)

# Learned machines of every family of profiles against the engines; with five seeds of jitter, and planted changes.
.PHONY: learned learned-figures
learned: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m learned

learned-figures: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m learned --figures

# Rules between body and lens: the E-mount matrix through an interposer, cost per frame, and the C export.
RULE_FRAMES ?= 100000

.PHONY: rules-figures
rules-figures: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m rules --frames $(RULE_FRAMES) --scale $(SCALE)

# Frozen behaviour: every golden recording and snapshot of the command line, held against what runs today. It lists each
# difference; GOLDEN=--write lists them and writes the new values.
GOLDEN ?=

golden: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m golden $(GOLDEN)

# Wheel and sdist in `dist`, checked: contents, metadata, and the demonstration from a new environment outside the checkout.
# It publishes nothing.
release: $(PROJECT_STAMP)
	@PYTHONPATH=tests $(BIN)/python -m release

# The notes of the next release, from the fragments in `changes`: shown, or with VERSION=X.Y.Z written to CHANGELOG.md.
VERSION ?=

changelog: $(PROJECT_STAMP)
	@$(BIN)/towncrier build $(if $(VERSION),--version $(VERSION) --yes,--version next --draft)

# The documentation as a site in build/docs. It fails on a link or an anchor that leads nowhere, and makes no request.
docs: $(DOCS_STAMP)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --clean
	@echo "built build/docs; to read it with search: $(BIN)/python -m http.server --directory build/docs"

# Hostile input files, through every verb that reads files, each in a process with limits of memory and time.
HOSTILE_INPUTS ?= 20000

hostile: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m hostile $(HOSTILE_INPUTS)

# A live session over a pseudo-terminal and one over TCP, half an hour each: no byte lost, memory flat, jitter printed.
SOAK_SECONDS ?= 1800
SOAK_PAIR ?= a6000 sel55210

soak: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m soak $(SOAK_SECONDS) $(SOAK_PAIR)

# Speed, ours and the peers' in one run: `make bench`, `make bench BENCH="--only parse,build --rounds 21"`. The section
# `before` runs this revision and an earlier one by turns: `make bench BENCH="--only before" BEFORE=REVISION`.
BENCH ?=
BEFORE ?= be3b418

bench: $(BENCH_STAMP)
	@BEFORE=$(BEFORE) PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m benchmarks $(BENCH)

# The dev board's firmware, for those who have arm-none-eabi-gcc: ELF and UF2, what they take, and the longest interrupts.
firmware: $(STAMP)
	@$(MAKE) --no-print-directory -C hardware/firmware PYTHON=$(abspath $(BIN))/python package
	@PYTHONPATH=protocol:hardware $(BIN)/python -m emulated.interrupts

# The core under random frames of a host, with the checkers of addresses and undefined behaviour.
FRAMES ?= 10000000

firmware-fuzz:
	@$(MAKE) --no-print-directory -C hardware/firmware fuzz FRAMES=$(FRAMES)

# An interrupt in front of each access of the core to shared data.
firmware-interrupts:
	@$(MAKE) --no-print-directory -C hardware/firmware interrupts

# Branches of the core that its tests take; fails below all of them.
firmware-coverage: $(STAMP)
	@PYTHONPATH=protocol:hardware $(BIN)/python hardware/firmware/tools/branch_coverage.py

# The shipped image in the emulator, at the length that the documentation quotes: bytes there and back, presence lost.
BYTES ?= 1000000
MOMENTS ?= 1000

firmware-emulated: $(STAMP)
	@LENSMOUNT_EMULATED_BYTES=$(BYTES) LENSMOUNT_EMULATED_MOMENTS=$(MOMENTS) $(BIN)/python -m pytest -q -s --no-header \
		tests/hardware/firmware/emulator/test_throughput.py tests/hardware/firmware/emulator/test_presence_lost.py

# The figures that the documentation and the notes of a change quote; the captures are not part of the project.
CAPTURES ?= ../shared/captures/e-mount

metrics: $(STAMP)
	@echo "== every capture typed and rebuilt"
	@$(BIN)/lensmount decode --verify $(CAPTURES)/*.sr $(CAPTURES)/*.txt | grep verified
	@echo "== samples against the frames beside them"
	@$(BIN)/python -m pytest -q --no-header -k samples_give_the_frames tests/emulator/cli | tail -1
	@echo "== fidelity of profiles and twins"
	@$(MAKE) --no-print-directory fidelity-figures
	@echo "== one seed, twice"
	@$(BIN)/lensmount loopback --demo --seed 7 --quiet --force --record .first.lmx >/dev/null
	@$(BIN)/lensmount loopback --demo --seed 7 --quiet --force --record .second.lmx >/dev/null
	@cmp .first.lmx .second.lmx && echo "identical, $$(wc -c <.first.lmx) bytes"; rm -f .first.lmx .second.lmx
	@echo "== a lens and a body over a pty, $(LIVE_SECONDS) s"
	@$(BIN)/lensmount run lens --profile sel55210 --port pty:.lens --duration $$(($(LIVE_SECONDS) + 3)) >.lens.out & \
		sleep 1; $(BIN)/lensmount run body --profile a6000 --port serial:.lens --duration $(LIVE_SECONDS) | tail -4; \
		wait; tail -4 .lens.out; rm -f .lens.out
	@echo "== every lens on every body of the open model"
	@$(BIN)/lensmount matrix --quiet
	@echo "== start-up"
	@$(BIN)/python -c "import subprocess, timeit; \
		run = lambda *words: subprocess.run(words, stdout=subprocess.DEVNULL); \
		times = sorted(timeit.repeat(lambda: run('$(BIN)/lensmount', '--help'), number=1, repeat=15)); \
		print(f'lensmount --help: median {times[7] * 1e3:.0f} ms of 15')"

LIVE_SECONDS ?= 60

# Strict replies of every profile on every capture, also joined in the middle and with a lost frame, the controls, and twins.
.PHONY: fidelity-figures
fidelity-figures: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m fidelity_figures $(CAPTURES) --twins

clean:
	rm -rf $(VENV) build dist hardware/firmware/build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lensmount needs Python 3.11 or newer; set PYTHON=python3.x")'
	@echo "building the environment in $(VENV) (once, about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev --editable '.[all]'
	@touch $@

# The peers are many and large, and only the benchmarks want them.
$(BENCH_STAMP): $(STAMP)
	@echo "adding the libraries to compare with to $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@touch $@

$(PROJECT_STAMP): $(STAMP)
	@echo "adding the tools for commits and releases to $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group project
	@touch $@

$(DOCS_STAMP): $(STAMP)
	@echo "adding the documentation tools to $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group docs
	@touch $@

# Without npm, or without a network, Kaitai Struct is skipped with the reason.
$(AGREEMENT_STAMP): $(STAMP)
	@echo "adding Kaitai Struct to $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group agreement
	@npm install --silent --no-fund --no-audit --prefix $(VENV) kaitai-struct-compiler@0.11 js-yaml@4 >/dev/null || true
	@touch $@

$(MUTATION_STAMP): $(STAMP)
	@echo "adding the mutation tool to $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group mutation
	@touch $@

# Firmware in C: planted defects of the example lens, each fuzzed until it is found or FIRMWARE_SECONDS are over, and a run
# without a defect. FIRMWARE_SEEDS="--seed 1 --seed 2" gives the median of more seeds.
FIRMWARE_SECONDS ?= 300
FIRMWARE_SEEDS ?= --seed 1
FIRMWARE_WITHOUT ?= 600

.PHONY: firmware-bugs
firmware-bugs: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m planted --seconds $(FIRMWARE_SECONDS) \
		$(FIRMWARE_SEEDS) --without $(FIRMWARE_WITHOUT)

# A firmware that crashes, never returns, overflows its stack, ends its process or breaks a rule of memory, so many times each.
# FIRMWARE_KINDS="--kind crash" runs one kind, so that they can run in shares.
FIRMWARE_TIMES ?= 1000
FIRMWARE_KINDS ?=

.PHONY: firmware-faults
firmware-faults: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m planted.endurance --times $(FIRMWARE_TIMES) $(FIRMWARE_KINDS)

.PHONY: firmware-speed
firmware-speed: $(STAMP)
	@PYTHONPATH=tests:protocol:hardware:emulator $(BIN)/python -m planted.speed
