# The Python that makes .venv; one that exists is kept unless another is asked for.
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)
JOBS ?= 2

VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
STAMP := .venv/.installed-$(VERSION)
BIN := .venv/bin
DEMO := runs/demo

.DEFAULT_GOAL := help
.PHONY: help setup sb3 ogbench openpi robotics demo maze2d ogbench-mazes ogbench-manipulation locomotion drift robustness paradigms test lint docs wheel clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

setup: $(STAMP) ## make .venv with both packages and the tools (PYTHON=python3.12 chooses)

$(STAMP): pyproject.toml envs/pyproject.toml constraints.txt
	@case "$(VERSION)" in 3.11|3.12|3.13) ;; *) \
	  echo "dfplan needs Python 3.11 to 3.13, $(PYTHON) is $(or $(VERSION),missing):" \
	    "name another one with PYTHON=python3.12" >&2; exit 1 ;; esac
	@$(BIN)/python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(VERSION)")' \
	  2>/dev/null || $(PYTHON) -m venv --clear .venv 2>/dev/null || { \
	    : 'Debian parts ensurepip from Python; its pip serves as well'; \
	    $(PYTHON) -m venv --clear --without-pip .venv && \
	    $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	@echo "installing dfplan and dfplan-envs for Python $(VERSION) in .venv (a minute or two)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	  --editable '.[dev,docs]' --editable ./envs --constraint constraints.txt
	@touch $@

sb3: setup ## add Stable-Baselines3 and PyTorch, without which their tests are skipped
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	  --editable '.[sb3]' --constraint constraints.txt

ogbench: setup ## add OGBench's environments, without which their tests are skipped
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	  --editable './envs[ogbench]' --constraint constraints.txt

openpi: setup ## add openpi's client, without which its tests are skipped
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	  dm-tree typing_extensions --constraint constraints.txt
	@: 'it asks for NumPy 1, and runs with NumPy 2'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps \
	  openpi-client==0.1.2

robotics: export JAX_DISABLE_MOST_OPTIMIZATIONS := 1
robotics: build/robotics/.installed ## use Fetch, Kitchen and Hand with constraints-robotics.txt
	@build/robotics/bin/python scripts/check_robotics.py

build/robotics/.installed: pyproject.toml envs/pyproject.toml constraints-robotics.txt
	@$(PYTHON) -m venv --clear build/robotics 2>/dev/null || { \
	  $(PYTHON) -m venv --clear --without-pip build/robotics && \
	  $(PYTHON) -m pip --python build/robotics/bin/python install --quiet pip; }
	@build/robotics/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
	  --editable . --editable ./envs --constraint constraints-robotics.txt
	@touch $@

demo: export MINARI_DATASETS_PATH := $(CURDIR)/$(DEMO)/datasets
demo: setup ## collect data, train and evaluate on PointMaze-UMaze, all in runs/demo
	@rm -rf $(DEMO)
	@mkdir -p $(DEMO)/datasets
	$(BIN)/dfplan collect pointmaze-umaze --seed 0
	$(BIN)/dfplan train pointmaze-umaze --preset small --out $(DEMO)/train
	$(BIN)/dfplan eval $(DEMO)/train --episodes 50 --seed 20000 --baselines --out $(DEMO)

maze2d: setup ## collect, train and evaluate on D4RL's mazes (hours); resumes if interrupted
	@$(BIN)/python -m experiments.maze2d.run

ogbench-mazes: ogbench ## collect, train and evaluate on OGBench's mazes (many hours); resumes
	@$(BIN)/python -m experiments.ogbench.run

ogbench-manipulation: ogbench ## collect, train and evaluate with OGBench's arm (hours); resumes
	@$(BIN)/python -m experiments.manipulation.run

paradigms: setup ## roll out training paradigms; one network in three uses (an hour of one core)
	@$(BIN)/python -m experiments.paradigms.run

drift: setup ## roll out training paradigms on Hopper and Walker2d (an hour of one core); resumes
	@$(BIN)/python -m experiments.drift.run

locomotion: setup ## collect, train and evaluate on the locomotion tasks (many hours); resumes
	@$(BIN)/python -m experiments.locomotion.run

robustness: setup ## evaluate maze2d's runs under noise, dropouts and pushes (an hour of one core)
	@$(BIN)/python -m experiments.robustness.run

test: setup ## run all tests (JOBS=2 processes)
	@$(BIN)/python -m pytest --quiet --numprocesses $(JOBS) --dist worksteal

lint: setup ## style, types and layers
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "run: ruff format" >&2; exit 1; }
	@$(BIN)/pyright
	@$(BIN)/lint-imports --no-logo

docs: export NO_MKDOCS_2_WARNING := 1
docs: setup ## build the documentation in build/site; warnings are errors
	@$(BIN)/mkdocs build --strict

wheel: setup ## build both wheels and use them in a clean environment
	@scripts/check_wheels.sh $(BIN)/python

clean: ## remove .venv, built packages and caches; runs/ stays
	@rm -rf .venv build dist envs/dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find dfplan envs experiments tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
