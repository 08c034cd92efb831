# Two commands from nothing: `make demo` shows a line being inspected, `make test` runs the tests.
# Needed: Python 3.11 or newer, make, and a network to a package index.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check
READY := .venv/.ready
TORCH := torch==2.13.0
TORCHVISION := torchvision==0.28.0
CPU_WHEELS := https://download.pytorch.org/whl/cpu
JOBS ?= auto
LINE ?= $(or $(INSPECTOR_DATASETS),../shared/datasets)/line-a

.PHONY: setup demo demo-model test lint bench clean

setup: $(READY)

# torch comes first and by itself: the package index serves a build with several GB of CUDA, so without an NVIDIA driver the CPU
# build of the PyTorch project is taken, and only where its index cannot be reached whatever the configured index has.
$(READY): pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed; try 'make PYTHON=python3.11 $(MAKECMDGOALS)'"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "setting up .venv (once; a few minutes)"
	@$(BIN)/python -c 'import torch' 2>/dev/null \
	  || { ! command -v nvidia-smi >/dev/null && $(PIP) install -q --retries 0 --timeout 20 --index-url $(CPU_WHEELS) $(TORCH) $(TORCHVISION) 2>/dev/null; } \
	  || $(PIP) install -q -c constraints.txt $(TORCH)
	@$(PIP) install -q -c constraints.txt -e '.[dev,postgres]'
	@# opencv-python needs libGL, which a bare server lacks; its headless twin (grad-cam brings it) does not.
	@$(BIN)/python -c 'import cv2' 2>/dev/null || $(PIP) install -q --force-reinstall --no-deps -c constraints.txt opencv-python-headless
	@touch $@

demo: $(READY)
	$(BIN)/inspector demo

# The pages are watched by the clock, so their tests have the machine to themselves, one file of them a core.
test: $(READY)
	$(BIN)/pytest -n $(JOBS) --dist worksteal -q -m 'not browser'
	$(BIN)/pytest -n $(JOBS) --dist loadfile -q -m browser

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The demo's model, from nothing: a simulated line with another seed than the demo's, recorded and learned.
demo-model: $(READY)
	rm -rf build/demo-model && mkdir -p build/demo-model
	sed 's/^    seed: .*/    seed: 1001/' stations/definitions/demo-press.yaml > build/demo-model/press.yaml
	$(BIN)/inspector station record build/demo-model/press.yaml --parts 1200 --out build/demo-model/press.mcap
	$(BIN)/inspector train models/recipes/line.yaml --data build/demo-model/press-parts --out models/demo-press/1.0.0
	$(BIN)/inspector evaluate models/demo-press/1.0.0 --data build/demo-model/press-parts

bench: $(READY)
	$(BIN)/python -m tests.bench.demo
	$(BIN)/python -m tests.bench.causes
	$(BIN)/python -m tests.bench.datasets
	$(BIN)/python -m tests.bench.physics
	$(BIN)/python -m tests.bench.fusion_peers --data $(LINE) --models build/fusion-peers
	$(BIN)/python -m tests.bench.degradations build/fusion-peers/$(notdir $(LINE))-0 --data $(LINE)
	$(BIN)/python -m tests.bench.heat_trust build/fusion-peers/$(notdir $(LINE))-0 --data $(LINE)
	$(BIN)/python -m tests.bench.routing build/fusion-peers/$(notdir $(LINE))-0 --data $(LINE)
	$(BIN)/python -m tests.bench.fixes
	$(BIN)/python -m tests.bench.search_errors
	$(BIN)/python -m tests.bench.million_cases
	$(BIN)/python -m tests.bench.bandit_year
	$(BIN)/python -m tests.bench.spc_budget
	$(BIN)/python -m tests.bench.live_page
	$(BIN)/python -m tests.bench.messaging
	$(BIN)/python -m tests.bench.api_walk
	$(BIN)/python -m tests.bench.trends
	$(BIN)/python -m tests.bench.modbus_load
	$(BIN)/python -m tests.bench.recordings
	$(BIN)/python -m tests.bench.clocks
	$(BIN)/python -m tests.bench.plc_soak --protocol modbus-plc
	$(BIN)/python -m tests.bench.plc_soak --protocol opcua-plc
	$(BIN)/python -m tests.bench.station_load

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache
