# What users and developers type; `make help` lists it.
# Paths are relative throughout: a target cannot hold a space, the path of the checkout may.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

# A process for each core; tests/conftest.py says which tests stay together.
SPREAD := --numprocesses auto --dist loadscope

# Images and CI like to set it. A run and its tests start hundreds of processes, which would each compile what they import.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help layer setup setup-sb3 setup-estimator setup-notebooks setup-cdk setup-dev run workflow results test coverage check verify pages format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile
	@echo "make run reads LOAD (a CSV file), PRESET (a name) and OUTPUT (a folder): make run PRESET=smoke OUTPUT=output/smoke"
	@echo "make results reads TRACES (a folder of load files; without it only generated load is judged)"

setup: $(VENV)/.run ## install what the main job needs
	@:

setup-sb3: setup $(VENV)/.torch ## add the toolkit sb3 (Stable-Baselines3 and PyTorch)
	@:

setup-estimator: setup $(VENV)/.estimator ## add what RLEstimator needs (the core of the SageMaker SDK)
	@:

setup-notebooks: setup ## make the kernel of the notebooks, .venv/notebooks
	@tools/install_apart.sh notebooks

setup-cdk: setup $(VENV)/.node ## add the CDK: library, Node and command line (node_modules/.bin/cdk)
	@:

setup-dev: setup-sb3 $(VENV)/.cdk $(VENV)/.estimator $(VENV)/.dev ## add what checks and tests need
	@:

# One stamp per lock: nothing is installed again until its lock changes.
$(VENV)/.run $(VENV)/.sb3 $(VENV)/.cdk $(VENV)/.estimator $(VENV)/.dev: $(VENV)/.%: requirements/%.txt $(VENV)/.uv
	@tools/install.sh $<
	@touch $@

$(VENV)/.node: package-lock.json $(VENV)/.cdk
	@echo "Installing package-lock.json"
	@PATH="$$PWD/$(VENV)/bin:$$PATH" npm ci --loglevel=error --no-audit --no-fund
	@touch $@

$(VENV)/.torch: requirements/torch.txt $(VENV)/.sb3
	@tools/install_torch.sh
	@touch $@

$(VENV)/.uv: requirements/uv.txt
	@tools/create_venv.sh "$(PYTHON)"
	@touch $@

# make answers 2 to every failed recipe, but `make run` promises the workflow's own exit status. So `workflow` leaves
# 1 or 3 in a file, and the recipe of `run`, expanded only after that, ends make's process with it (tools/make_exit.c).
run: workflow ## run the whole workflow on this machine
	$(call end_with,$(shell cat $(VENV)/status-$$PPID 2>/dev/null; rm -f $(VENV)/status-$$PPID))

workflow: setup
	@if grep -qsE '^[[:space:]]*toolkit[[:space:]]*=.*sb3' "$$PRESET" "training_src/presets/$$PRESET.toml"; then \
	    $(MAKE) --no-print-directory setup-sb3; fi
	@$(PY) -m local_mode run $${PRESET:+--preset "$$PRESET"} $${LOAD:+--load "$$LOAD"} $${OUTPUT:+--output "$$OUTPUT"} || { \
	    status=$$?; case $$status in 2) exit 2;; 3) ;; *) status=1;; esac; echo $$status > $(VENV)/status-$$PPID; }

# $(1) is 1 or 3, or nothing after a success.
define end_with
$(if $(1),$(shell $(CC) -shared -fPIC -o $(VENV)/make_exit.so tools/make_exit.c 2>/dev/null)\
$(if $(filter load,$(.FEATURES)),$(eval -load $(VENV)/make_exit.so(exit_with_$(1)))))
@test -z "$(1)" || { echo "make turns the exit status $(1) into 2: passing it on takes GNU make 4 and a C compiler" >&2; exit 2; }
endef

results: setup ## make docs/results.md and its picture again: hours; goes on where it was interrupted
	@$(PY) benchmarks/results.py

test: setup-dev ## run the tests
	$(PY) -m pytest $(SPREAD)

coverage: setup-dev ## run the tests and see what they reach, kernels as plain Python too
	@$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest $(SPREAD)
	NUMBA_DISABLE_JIT=1 $(PY) -m coverage run -m pytest -m "kernels and not slow" $(SPREAD)
	@$(PY) -m coverage combine --quiet
	$(PY) -m coverage report
	@$(PY) tools/branch_coverage.py

check: setup-dev ## formatting, lint, types, room rules
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	PYTHONPATH=.:training_src $(VENV)/bin/lint-imports --no-logo
	$(PY) -m pytest --quiet tests/project

verify: coverage setup-cdk ## the tests with coverage, and what is too slow for `make test`
	$(PY) -m pytest -m "slow or hypothesis" --hypothesis-profile=long $(SPREAD)
	tests/verify_fresh_clone.sh

layer: setup ## make the archive of the Lambda layer for the function that decides
	@tools/build_layer.sh

format: setup-dev ## format the code, mend what lint can mend
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

pages: setup-cdk ## make the tables of docs/cost.md and docs/security.md again
	@$(PY) -m stacks.cost --all --write docs/cost.md
	@$(PY) -m stacks.role_table --stage dev --write docs/security.md

lock: $(VENV)/.uv ## pin the requirements again (requirements/*.in; UPGRADE=--upgrade for newer versions)
	tools/lock.sh $(UPGRADE)

clean: ## remove outputs and caches; `rm -rf .venv` removes the environment
	rm -rf output cdk.out .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
