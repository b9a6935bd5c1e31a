# The README's commands. Each does the set-up that it needs, and nothing twice.
#   make demo     build, make a cohort of CT studies, run the whole job, end with the path of a report
#   make test     build and run all tests
#   make parity   each operation, model and metric beside an independent implementation; writes docs/parity.md
#   make bench    each operation beside its peers, MINUTES=30 at most; writes docs/bench.md and build/bench.json; ONLY='median ct' runs a
#                 part, RESUME=1 goes on with a run that was stopped
#   make build | fuzz | lint | sanitize | docs | install | clean
# CM_SETUP=no leaves the installation of packages to you.

JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 30
DEMO ?= demo
MINUTES ?= 30
CTEST = ctest --test-dir
EMPTY :=
PARITY = $(subst $(EMPTY) ,|,$(basename $(notdir $(wildcard tests/parity/test_parity_*.py tests/learn/test_*_oracle.py))))

.PHONY: build demo test parity bench fuzz lint sanitize docs install clean

build:
	@tools/setup.sh build
	@[ -f build/build.ninja ] || cmake --preset default >/dev/null
	@cmake --build build --target cormack cormack_shared -j $(JOBS)

demo: build
	@tools/demo.sh $(DEMO)

test:
	@tools/setup.sh build test peers
	@cmake --preset default -DCM_TESTS=ON >/dev/null
	@cmake --build build -j $(JOBS) --target cormack cormack_shared tests
	@$(CTEST) build -j $(JOBS) --output-on-failure

parity: build
	@tools/setup.sh test peers
	@$(CTEST) build -j $(JOBS) --output-on-failure -R '^($(PARITY))$$'
	@.venv/bin/python tests/parity/page.py

# The same tests with clang under AddressSanitizer and UndefinedBehaviorSanitizer; the loops under ThreadSanitizer.
sanitize:
	@tools/setup.sh build test check peers
	@tools/sanitize.sh $(JOBS)

fuzz:
	@tools/setup.sh build check
	@tools/fuzz.sh $(FUZZ_SECONDS) $(JOBS)

bench: build
	@tools/setup.sh test peers radiomics-peers
	@cmake --build build -j $(JOBS) --target benches
	@.venv/bin/python bench/ops/bench_ops.py --write --minutes $(MINUTES) $(if $(RESUME),--resume) $(ONLY)

lint: build
	@tools/setup.sh check peers
	@tools/lint.sh

docs: build
	@tools/make_reference.py build/cormack docs/reference

install: build
	@cmake --install build --prefix $(PREFIX)

clean:
	rm -rf build build-* out
