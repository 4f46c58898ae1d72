# Everything a contributor types. Each target does its own set-up; nothing needs to be installed before but
# python3 (3.11 or newer), git and make on Debian.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
# What was installed without compiling is compiled when it is first imported; without that every command would do it anew.
unexport PYTHONDONTWRITEBYTECODE
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.DEFAULT_GOAL := help
.PHONY: bench-tools help demo test test-unit test-servers test-nightly lint format golden docs bench bench-apply bench-fleet bench-first bench-crowd bench-dns bench-mail prove-kills prove-pacing clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 16

# --no-compile: what is imported is compiled then; the rest of what was installed never is, and that is most of it.
$(BIN)/postwright: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy --no-install-recommends python3-venv; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-compile -c constraints.txt -e .
	@touch $@

$(BIN)/pytest-ready: $(BIN)/postwright
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(BIN)/postwright  ## the main job on real hosts of this machine; KEEP=1 leaves them up
	@$(SUDO) $(BIN)/python -m postwright.lab.require --install
	@$(SUDO) $(BIN)/python -m postwright.lab.demo $(if $(KEEP),--keep)

test: $(BIN)/pytest-ready test-servers  ## all tests; those on real hosts need root on Linux
	@$(SUDO) $(BIN)/python -m postwright.lab.require --install
	$(SUDO) $(BIN)/python -m pytest -n 2 --dist loadfile tests/unit tests/cli tests/provider tests/packaging
	# The first two compare the whole machine, or share a lab with others. The others run two at a time, each on its own.
	$(SUDO) $(BIN)/python -m pytest tests/lab/test_lab_itself.py tests/lab/test_bad_input.py
	$(SUDO) $(BIN)/python -m pytest -n 2 --dist loadfile tests/lab \
	    --ignore tests/lab/test_lab_itself.py --ignore tests/lab/test_bad_input.py --ignore-glob 'tests/lab/test_pacing*'
	$(SUDO) $(BIN)/python -m pytest -n 2 --dist loadfile tests/lab/test_pacing*.py

test-servers:    # real name servers for the provider tests, installed without being started
	@sh tests/provider/install.sh

test-unit: $(BIN)/pytest-ready  ## the tests that need neither root nor servers
	$(BIN)/python -m pytest tests/unit tests/cli

test-nightly: $(BIN)/pytest-ready  ## the property tests with 10,000 examples each; half an hour
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest tests/unit/test_dns_foreign_values.py tests/unit/test_dns_merge_spf.py \
	    tests/unit/test_dns_spf_join.py tests/unit/test_lifecycle_model.py tests/provider/test_cloudflare_property.py

prove-kills: $(BIN)/pytest-ready  ## an apply killed early and late in each operation, each time healed; needs root, half an hour
	@$(SUDO) $(BIN)/python -m postwright.lab.require --install
	$(SUDO) POSTWRIGHT_KILL_MIDDLES="0 0.3 1" $(BIN)/python -m pytest -s tests/lab/test_every_step.py

prove-pacing: $(BIN)/pytest-ready  ## something killed on each of 51 days of a plan; 100,000 messages held; needs root, half an hour
	@$(SUDO) $(BIN)/python -m postwright.lab.require --install
	$(SUDO) POSTWRIGHT_PACING_RUNS=51 POSTWRIGHT_PACING_BACKLOG=100000 \
	    $(BIN)/python -m pytest -s tests/lab/test_pacing_plan.py tests/lab/test_pacing_flow.py tests/lab/test_pacing_replies.py

lint: $(BIN)/pytest-ready  ## what CI would complain about
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(BIN)/pytest-ready  ## mend what can be mended by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

golden: $(BIN)/pytest-ready  ## write the golden files anew; read the diff before you commit it
	POSTWRIGHT_UPDATE_GOLDEN=1 $(BIN)/python -m pytest tests/unit

docs: $(BIN)/pytest-ready  ## write docs/commands.md anew
	$(BIN)/python -m postwright.cli.manual > docs/commands.md

# What they compare with is installed apart and never becomes part of the product.
.venv/bench-ansible/ready: benchmarks/ansible/constraints.txt $(BIN)/pytest-ready
	$(PYTHON) -m venv .venv/bench-ansible
	.venv/bench-ansible/bin/python -m pip install -q --disable-pip-version-check -c $< ansible-core
	@touch $@

bench-tools: .venv/bench-ansible/ready
	@$(SUDO) $(BIN)/python -m postwright.lab.require --install
	@command -v hyperfine >/dev/null && command -v /usr/bin/time >/dev/null || \
	    { $(SUDO) apt-get update -q && $(SUDO) apt-get install -qy --no-install-recommends hyperfine time; }

bench:           ## all that follows; writes benchmarks/RESULTS.md; needs root, half an hour
	@for part in $(BENCHES); do $(MAKE) --no-print-directory $$part || failed="$$failed $$part"; done; \
	    $(PYTHON) benchmarks/results.py; [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

BENCHES := bench-apply bench-fleet bench-first bench-crowd bench-dns bench-mail
MEASURE = $(SUDO) PYTHONPATH=tests:benchmarks:benchmarks/hosts $(BIN)/python benchmarks/hosts/run.py

bench-apply: bench-tools  ## an apply that changes nothing, next to ansible-core and the bound, near and 20 ms away; needs root
	$(MEASURE) apply .venv/bench-ansible/bin $(ROUNDS)

bench-fleet: bench-tools  ## eight hosts next to one, nothing to change; needs root
	$(MEASURE) fleet .venv/bench-ansible/bin $(ROUNDS)

bench-first: bench-tools  ## the first apply of an empty host, next to apt-get and tar; needs root
	$(MEASURE) first .venv/bench-ansible/bin $(ROUNDS)

bench-crowd: bench-tools  ## 10, 100 and 1,000 simulated hosts, one of them slow or dead; needs root
	$(MEASURE) crowd .venv/bench-ansible/bin $(ROUNDS)

.venv/bench-dns/ready: benchmarks/dns/constraints.txt $(BIN)/pytest-ready
	$(PYTHON) -m venv .venv/bench-dns
	.venv/bench-dns/bin/python -m pip install -q --disable-pip-version-check -c $< octodns octodns-bind octodns-cloudflare
	@touch $@

bench-dns: .venv/bench-dns/ready test-servers  ## postwright and octoDNS on the same zones; writes benchmarks/results/dns.md
	PYTHONPATH=tests $(BIN)/python benchmarks/dns/run.py .venv/bench-dns/bin/python

bench-mail: $(BIN)/pytest-ready  ## a built host, beside one tuned by hand and with each lever alone; needs root; writes benchmarks/results/mail.md
	@$(SUDO) $(BIN)/python -m postwright.lab.require --install
	$(SUDO) PYTHONPATH=tests $(BIN)/python benchmarks/mail/run.py

clean:           ## remove what the targets above made here
	rm -rf .venv build dist *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
