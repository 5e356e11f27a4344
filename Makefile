# make run   plays.        make test   lints and tests everything; ARGS='tests/engine -k noise' only that.
# Both make .venv when it is missing and install what is not there yet.

# Pinned for a repeatable environment; `pip install bentlight` takes any torch >= 2.4.
TORCH ?= torch==2.13.0
# A plain `pip install torch` on Linux draws several GB of CUDA. For the CPU build, on machines that reach it:
#   make run TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] <= (3,13))' 2>/dev/null \
	&& { echo $$p; break; }; done)
BIN := .venv/bin

PLAY_PACKAGES := libportaudio2
TEST_PACKAGES := libportaudio2 libasound2-plugins pulseaudio pulseaudio-utils xvfb

# What plays in real time is tested with no other test beside it.
REAL_TIME := tests/live tests/test_plays.py

.PHONY: run test lint clean
.DEFAULT_GOAL := run

run: .venv/ready
	@$(call apt,$(PLAY_PACKAGES))
	@$(BIN)/bentlight play $(ARGS)

test: .venv/ready-dev
	@$(call apt,$(TEST_PACKAGES))
	@$(MAKE) --no-print-directory lint
ifdef ARGS
	@$(BIN)/pytest $(ARGS)
else
	@OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(addprefix --ignore=,$(REAL_TIME))
	@$(BIN)/pytest $(REAL_TIME)
endif

lint: .venv/ready-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

.venv/ready: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and was not found; install one, or name it: make run PYTHON=/path/to/python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || { echo "Making .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@echo "Installing what is missing (the first time takes a few minutes)"
	@$(BIN)/python -c 'import torch' 2>/dev/null || \
		$(BIN)/pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$(TORCH)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@# macOS from 13 (Intel) or 14 has wheels of it; elsewhere it came with the line above.
	@test "$$(uname)" != Darwin || $(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: 'pyfftw>=0.15' 2>/dev/null || \
		echo "No pyfftw for this macOS: hearing takes numpy's FFT, and a quarter more time"
	@touch $@

.venv/ready-dev: .venv/ready
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info

# Debian's packages: install where that is allowed, else say the one line to type; nothing elsewhere.
define apt
if command -v dpkg-query >/dev/null 2>&1; then \
	missing=""; \
	for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ]; then \
			echo "Installing$$missing"; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null; \
		elif sudo -n true 2>/dev/null; then \
			echo "Installing$$missing"; \
			{ sudo apt-get update -qq && sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null; \
		else \
			echo "Missing system packages. Type: sudo apt install$$missing"; \
		fi; \
	fi; \
fi
endef
