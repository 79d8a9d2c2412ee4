# The commands a person types; each is one line to python -m grader (`make help` lists them).
PYTHON ?= python3
PIP_FLAGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN := $(BIN)/python -m grader
# one process more than there are cores, since some tests wait for a deadline
PROCESSES = $(shell $(PYTHON) -c 'import os; print(min(4, os.cpu_count() + 1))')
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup check watch grade demo stubs notebooks lab preflight submit doctor attacks autograder release rehearsal mistakes test test-all bench lint clean challenge

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(READY) ## make .venv with the tested versions (PIP_FLAGS are handed to pip)

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -m grader.install --extras=notebooks,pdf,torch,class,dev $(PIP_FLAGS)

check: $(READY) ## check student/ and print points and what is wrong (ARGS="-q Q2 -k forward")
	@$(RUN) check $(ARGS)

watch: $(READY) ## check again at every save, the function just edited first (ARGS="-q Q2")
	@$(RUN) watch $(ARGS)

grade: $(READY) ## grade a submission: make grade SUBMISSION=x.zip
	@test -n "$(SUBMISSION)" || { echo 'say which submission: make grade SUBMISSION=x.zip' >&2; exit 2; }
	@$(RUN) grade "$(SUBMISSION)" $(ARGS)

demo: $(READY) ## grade a submission with six typical mistakes
	@$(RUN) demo $(ARGS)

stubs: $(READY) ## generate student/ from reference/
	@$(RUN) stubs $(ARGS)

notebooks: $(READY) ## generate notebooks/ from notebooks/source/ (make lab opens them)
	@$(RUN) notebooks $(ARGS)

lab: $(READY) ## open the notebooks in Jupyter Lab
	@$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks $(ARGS)

preflight: $(READY) ## say what a grader would miss in student/ and the notebooks
	@$(RUN) preflight $(ARGS)

submit: $(READY) ## make the zip and the PDF to hand in (ARGS=--anyway with all that is missing)
	@$(RUN) submit $(ARGS)

doctor: $(READY) ## try each layer of isolation and say whether official grading is possible here
	@$(RUN) doctor $(ARGS)

attacks: $(READY) ## run every attack in every tier and in an open worker
	@$(BIN)/python -m tests.harness.attacks $(ARGS)

autograder: $(READY) ## build the zip that Gradescope runs (PIP_FLAGS are for pip in the container)
	@$(BIN)/python -m tests.hidden.challenge_images
	@$(RUN) autograder $(if $(PIP_FLAGS),--pip-flags="$(PIP_FLAGS)") $(ARGS)

challenge: $(READY) ## train the reference's network on what the challenge is judged on
	@$(BIN)/python -m tests.hidden.challenge_images
	@$(BIN)/python training/train_challenge.py $(ARGS)

release: $(READY) ## make what students download, looked through for leaks (COLAB=address for links to Colab)
	@$(RUN) release $(if $(COLAB),--colab="$(COLAB)") $(ARGS)

rehearsal: $(READY) ## build that zip and run it in a bare Debian, as root, with a container's limits
	@$(BIN)/python -m tests.harness.rehearsal $(ARGS)

mistakes: $(READY) ## plant each known mistake and see what it costs
	@$(RUN) mistakes $(ARGS)

test: $(READY) ## the project's own tests
	@$(PYTEST) $(ARGS)

test-all: $(READY) ## the same, with the slow ones
	@$(PYTEST) --slow $(ARGS)

bench: $(READY) ## speed and memory, as ratios measured in one run
	@$(BIN)/python -m bench $(ARGS)

lint: $(READY) ## ruff, mypy, and stubs and notebooks compared with their sources
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(RUN) stubs --check
	@$(RUN) notebooks --check

clean: ## remove what was built
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
