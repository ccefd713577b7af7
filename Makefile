# make repro    set up, then from search terms to a measured generator
# make test     set up, then all tests
# make help     the rest
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := $(CURDIR)/.venv/bin
export PATH := $(BIN):$(PATH)
ROOM ?= evaluate

.PHONY: help setup browser repro train test test-all lint bench live lock schema

help:
	@echo "make setup      .venv from requirements.lock, the project; make browser adds Chromium"
	@echo "make repro      set up, then run everything that is not up to date"
	@echo "make train      set up, pull what a remote has, train and evaluate (no browser)"
	@echo "make test       set up, then all tests; make test-all adds the slow ones"
	@echo "make lint       ruff and mypy"
	@echo "make bench      ROOM=collect|curate|review|prepare|increment|train|recipes|evaluate: beside public tools"
	@echo "make live       ask each public source for one page (needs DARKROOM_CONTACT); writes docs/sources.md"
	@echo "make lock       write requirements.lock again from pyproject.toml"

setup:
	@scripts/setup.sh packages

browser: setup
	@scripts/setup.sh browser

repro: browser
	@darkroom repro

train: setup
	@darkroom train

test: browser
	@python -m pytest -q -n 2

test-all: browser
	@python -m pytest -q -m "slow or not slow"

lint: setup
	@ruff check . && mypy

bench: setup
	@python -m bench $(ROOM)

lock: setup
	@PATH="$(PATH):$(CURDIR)/.uv/bin" uv pip compile --universal --generate-hashes --no-header --upgrade --extra dev pyproject.toml -o requirements.lock

schema: setup
	@python -m pipeline.params > params.schema.json

live: setup
	@darkroom sources --live
