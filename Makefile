# `make help` lists the targets. Everything made lies in build/; the virtual environment is .venv.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# Any path works in any target: recipes take a variable by one of these, as one word of the shell, whatever is in it.
#   $(call text,X)         quoted, for --option=
#   $(call path,X)         quoted; a - in front is no option of anything then, and ~/ is the home folder
#   $(call paths,X,--y)    the file of that name, blanks and all; where there is none its words, which may be patterns
# What is said on the command line or in the environment stands for itself, a $ included. ARGS alone is the shell's text:
# options, quoted by whoever says them.
define newline


endef
said = $(call one_line,$(1),$(if $(filter file,$(firstword $(origin $(1)))),$($(1)),$(value $(1))))
one_line = $(if $(findstring $(newline),$(2)),$(error $(1) holds a line break: rename what it names),$(2))
quoted = '$(subst ','\'',$(1))'
# A line break, which no value holds, marks the beginning.
quoted_path = $(subst $(newline),',$(subst $(newline)~/,~/',$(subst $(newline)-,'./-,$(newline)$(subst ','\'',$(1)))))'
text = $(call quoted,$(said))
path = $(call quoted_path,$(said))
paths = $(if $(shell [ -e $(path) ] && echo yes),$(2) $(path),$(foreach word,$(said),$(call matches,$(word),$(2))))
matches = $(foreach file,$(or $(wildcard $(1)),$(1)),$(2) $(call quoted_path,$(file)))

# Said on the command line (or in the environment), not by default: settings of FWHT_... then stay in force.
SAID_MODEL := $(if $(value NAME),NAME,$(if $(value MODEL),MODEL))
SAID_PRECISION := $(if $(value PRECISION),PRECISION)
NAME_FLAG := $(if $(value NAME),--name=$(call text,NAME))
SERVE_FLAGS := $(if $(SAID_MODEL),--models $(call path,$(SAID_MODEL))) $(if $(value PORT),--port=$(call text,PORT))
MEASURE_FLAGS = $(call paths,IMAGE,--image) $(if $(value BATCH),--batch=$(call text,BATCH)) \
  $(if $(SAID_PRECISION),--precision=$(call text,PRECISION))
DATA_FLAG = $(if $(value DATA),--data $(call path,DATA))

MODEL ?= fwht_mobilenet_v2
# as in server/settings.py: the shipped hybrid of the best accuracy
NAME ?= $(if $(SAID_MODEL),$(MODEL),fwht_efficientnet_lite0)
PRECISION ?= fp16
# a hybrid's name holds its baseline's
BASELINES := efficientnet_lite0 mobilenet_v3_large mobilenet_v2 resnet20
BASELINE = $(foreach name,$(BASELINES),$(if $(findstring $(name),$(NAME)),$(name)$(findstring _96,$(NAME))))
MODELS ?= $(firstword $(BASELINE) mobilenet_v2),$(NAME)
ARCHITECTURES := mobilenet_v2 fwht_mobilenet_v2 fwht_mobilenet_v2_slim fwht_soft3_mobilenet_v2 fwht_mf_mobilenet_v2 mobilenet_v2_w050 resnet32 resnet20 fwht2d_resnet20 fwht2d_resnet20_p3 fwht2d_resnet20_p5 mobilenet_v3_large fwht2d_mobilenet_v3_large efficientnet_lite0 fwht_efficientnet_lite0 fwht_efficientnet_lite0_slim
# `make serve RUNTIME=gpu` installs onnxruntime-gpu instead of onnxruntime, RUNTIME=tensorrt neither: for engines alone
RUNTIME ?= cpu
OTHER_RUNTIME := $(if $(filter gpu,$(RUNTIME)),cpu,$(if $(filter cpu,$(RUNTIME)),gpu,none))
$(if $(filter cpu gpu tensorrt,$(RUNTIME)),,$(error RUNTIME is cpu, gpu or tensorrt, not $(RUNTIME)))
comma := ,
PIP_FLAGS := --disable-pip-version-check --quiet $(if $(value TORCH_INDEX),--extra-index-url $(call path,TORCH_INDEX))

ifdef PYTHON
# An interpreter taken as it is: nothing is installed.
RUN := $(call path,PYTHON)
else
RUN := .venv/bin/python
SERVING := .venv/.serving-$(RUNTIME)
# what builds an engine: what is there already, else the least
BUILDING := $(firstword $(wildcard .venv/.serving-*) .venv/.serving-tensorrt)
TRAINING := .venv/.training-$(RUNTIME)
TRANSFERRING := .venv/.transferring-$(RUNTIME)
BULK := .venv/.bulk-$(RUNTIME)
TESTING := .venv/.testing-$(RUNTIME)
endif

.PHONY: help setup serve classify bulk profile compare train transfer pretrained train-all report-model onnx ship accuracy plugin native engine test test-oldest lint lock audit
.PHONY: bench bench-plugin soak clean

help: ## list the targets
	@echo "make TARGET [MODEL=architecture] [NAME=artefact] [DATA=images] [PORT=8000] [PYTHON=interpreter]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile
	@echo "architectures: $(ARCHITECTURES)"
	@echo "more variables: PRECISION CHECKPOINT IMAGE BATCH MODELS SRC DST PLATFORM RUNTIME=gpu|tensorrt CUDA_ARCH TORCH_INDEX ARGS='more options'"

# On a Jetson TensorRT comes with the system's Python, and no pip has it.
VENV_FLAGS = $(shell python3 -c 'import importlib.util as u; print("--system-site-packages" if u.find_spec("tensorrt") else "")')

.venv/bin/python:
	@python3 -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 8) <= v < (3, 14) else \
	  f"python3 is {v[0]}.{v[1]}; Python 3.8 to 3.13 is needed: make .venv with one (JetPack 4: docs/jetson_nano.md), or name one with PYTHON=path")'
	@python3 -m venv $(VENV_FLAGS) .venv || { rm -rf .venv; \
	  echo "no virtual environment could be made: on Debian and Ubuntu, sudo apt install python3-venv" >&2; exit 1; }
	@docker/renew_pip.sh .venv/bin/python || { rm -rf .venv; exit 1; }

# $(call install,EXTRAS): pip of a .venv that was made by hand is renewed, too. The two onnxruntime packages hold the same files, so a change of RUNTIME takes both out first.
define install
@docker/renew_pip.sh .venv/bin/python
@if compgen -G '.venv/.*-$(OTHER_RUNTIME)' >/dev/null; then rm -f .venv/.*-*pu; \
  .venv/bin/python -m pip uninstall --quiet --yes onnxruntime onnxruntime-gpu; fi
@.venv/bin/python -m pip install $(PIP_FLAGS) -c constraints.txt '.[$(1)]'
@touch $@
endef

.venv/.serving-$(RUNTIME): pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing what serving needs into .venv (about 200 MB, once)"
	$(call install,$(RUNTIME))

ifneq ($(RUNTIME),tensorrt)
.venv/.serving-tensorrt: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing what building an engine needs into .venv (about 50 MB, once)"
	$(call install,tensorrt)
endif

.venv/.training-$(RUNTIME): pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing what training and export need into .venv (PyTorch: 1 to 5 GB, once)"
	$(call install,$(RUNTIME)$(comma)train)

.venv/.transferring-$(RUNTIME): pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing what transfer needs into .venv (PyTorch: 1 to 5 GB, ImageNet weights: 17 MB, once)"
	$(call install,$(RUNTIME)$(comma)train$(comma)pretrained)

.venv/.bulk-$(RUNTIME): pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing what bulk classifying needs into .venv (Ray: about 500 MB, once)"
	$(call install,$(RUNTIME)$(comma)bulk)

.venv/.testing-$(RUNTIME): pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing what the tests need into .venv (PyTorch: 1 to 5 GB, once)"
	$(call install,$(RUNTIME)$(comma)train$(comma)pretrained$(comma)bulk$(comma)dev$(comma)kernels$(comma)traces$(comma)builder)

# The native CPU kernels are built where there is a C++ compiler; without them models run on their function bodies.
define try_native
@[ "$$FWHT_NATIVE" = off ] || plugins/build_native.sh --quiet || true
endef

setup: $(SERVING) ## install what serving needs (serve does it by itself)

serve: $(SERVING) ## serve NAME on http://127.0.0.1:PORT (several: NAME=a,b)
	$(try_native)
	@exec $(RUN) -m server serve $(SERVE_FLAGS) $(ARGS)

classify: $(SERVING) ## classify IMAGE=file without a server
	$(try_native)
	@$(RUN) -m server classify --model $(call path,NAME) $(call paths,IMAGE) $(ARGS)

bulk: $(BULK) ## classify the folder SRC into Parquet files in DST; started again, it goes on
	@$(if $(and $(value SRC),$(value DST)),true,echo "say from where to where: make bulk SRC=images DST=labels (docs/bulk.md)" >&2; exit 2)
	$(try_native)
	@exec $(RUN) -m server.bulk $(call path,SRC) $(call path,DST) --model $(call path,NAME) $(ARGS)

profile: $(SERVING) ## each layer's time in NAME on this machine: table, JSON and chart (IMAGE=file BATCH=n)
	$(try_native)
	@$(RUN) -m server.layers profile $(call path,NAME) $(MEASURE_FLAGS) $(ARGS)

compare: $(SERVING) ## MODELS=a,b in turns, layer by layer: table, JSON and chart (IMAGE=file BATCH=n)
	$(try_native)
	@$(RUN) -m server.layers compare $(call path,MODELS) $(MEASURE_FLAGS) $(ARGS)

train: $(TRAINING) ## train MODEL on DATA into build/NAME.safetensors
	@$(if $(value DATA),true,echo "say which images: make train DATA=folder (docs/data_formats.md)" >&2; exit 2)
	$(try_native)
	@exec $(RUN) -m export.train --model=$(call text,MODEL) $(DATA_FLAG) $(NAME_FLAG) $(ARGS)

transfer: $(TRANSFERRING) ## your photos in one sitting: DATA=flowers NAME=flowers makes baseline and hybrid and says which to deploy
	@$(if $(and $(value DATA),$(NAME_FLAG)),true,echo "say which photos and a name: make transfer DATA=flowers NAME=flowers" >&2; exit 2)
	$(try_native)
	@exec $(RUN) -m export.transfer $(DATA_FLAG) $(NAME_FLAG) $(ARGS)

train-all: $(TRAINING) ## train every architecture on DATA by one recipe; again and again goes on (docs/training.md)
	@$(if $(value DATA),true,echo "say which images: make train-all DATA=folder (docs/data_formats.md)" >&2; exit 2)
	$(try_native)
	@exec $(RUN) -m export.train.train_all $(DATA_FLAG) $(ARGS)

pretrained: $(TRANSFERRING) ## make EfficientNet-Lite0 with ImageNet's 1000 names servable (NAME=efficientnet_lite0_imagenet)
	@$(RUN) -m export.to_onnx.pretrained $(NAME_FLAG) $(ARGS)

report-model: $(TRAINING) ## NAME's accuracy by class, confusions, curves and mistakes on DATA, into build/NAME.report/
	@$(if $(value DATA),true,echo "say which images: make report-model DATA=folder (docs/data_formats.md)" >&2; exit 2)
	@$(RUN) -m export.report $(call path,NAME) $(if $(value CHECKPOINT),--checkpoint $(call path,CHECKPOINT)) \
	  $(DATA_FLAG) $(ARGS)

onnx: $(TRAINING) ## export NAME (or CHECKPOINT=file) to build/NAME.onnx, proved right first
	@$(RUN) -m export.to_onnx $(call path,NAME) $(if $(value CHECKPOINT),--checkpoint $(call path,CHECKPOINT)) \
	  $(DATA_FLAG) $(ARGS)

ship: $(TRAINING) ## export the shipped weights again into models/ and tests/data/
	@set -e; for weights in models/*.safetensors; do file=$${weights%.safetensors}; \
	  $(RUN) -m export.to_onnx "$${file#models/}" --checkpoint "$$weights" --out "$$file.onnx"; \
	  mv "$$file.golden.npz" tests/data/; done

accuracy: $(TRAINING) ## classify all test images of DATA with every shipped model and engine; JSON into build/bench/
	@$(RUN) -m benchmarks.training.accuracy $(DATA_FLAG) $(ARGS)

# TensorRT comes with JetPack; pycuda has no wheels and is built once, with the CUDA that is there.
define need_pycuda
$(if $(PYTHON),,@if $(RUN) -c 'import sys; from importlib.util import find_spec as find; \
  sys.exit(not find("tensorrt") or bool(find("pycuda")))'; then echo "building pycuda into .venv (some minutes, once)"; \
  PATH=/usr/local/cuda/bin:$$PATH $(RUN) -m pip install $(PIP_FLAGS) 'pycuda>=2022.2'; fi)
endef

plugin: ## build the TensorRT plugin for this GPU, or for CUDA_ARCH="53 87", into build/libfwht_plugin.so
	@$(MAKE) --no-print-directory -f plugins/Makefile

native: ## build the CPU kernels for ONNX Runtime into build/libfwht_onnxruntime.so (needs a C++ compiler)
	@plugins/build_native.sh

engine: plugin $(BUILDING) ## build NAME's TensorRT engine for this machine, PRECISION=fp16 or fp32 (docs/engine.md)
	$(need_pycuda)
	@exec $(RUN) -m export.engine $(call path,NAME) --precision=$(call text,PRECISION) $(ARGS)

# What `make engine` runs on the device, beside server/.
DEVICE := export/__init__.py export/engine

lint: $(TESTING) ## ruff, mypy, and vermin: Python 3.8 for what runs on the device, 3.9 for the rest
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) -c 'from vermin import main; main()' --quiet --no-tips --no-parse-comments --violations -t=3.8- server \
	  $(DEVICE)
	@$(RUN) -c 'from vermin import main; main()' --quiet --no-tips --no-parse-comments --violations -t=3.9- \
	  export benchmarks tests

test-oldest: ## unit tests with Python 3.8 (server) and 3.9 (export), where such an interpreter can be had
	@tests/oldest_pythons.sh

lock: ## renew constraints.txt: the newest versions that pyproject.toml allows, for every Python and machine
	@python3 -m venv .venv-uv
	@.venv-uv/bin/python -m pip install $(PIP_FLAGS) --upgrade uv
	@.venv-uv/bin/uv pip compile --quiet --no-config --no-python-downloads --universal --python-version 3.8 --upgrade \
	  --no-header --no-annotate --all-extras --output-file constraints.txt pyproject.toml
	@sed -i '1i # Versions that make serve and make test install, for every Python and machine. Renewed by make lock.' constraints.txt

audit: $(TESTING) ## look the installed packages up for known weaknesses; one that was skipped counts as not run
	@$(RUN) -m tests.dependency_audit

# A file's tests stay in one process, which share what its fixtures made; files go in the order of their names, in which
# the longest do not come last. JOBS=0: all in one process.
JOBS ?= auto
PARALLEL = -n $(call text,JOBS) --dist loadfile --no-loadscope-reorder

# With FWHT_REQUIRE_TOOLS=1, as CI runs them, those of docker/ run where their tools are, and coverage has its floor.
ifeq ($(FWHT_REQUIRE_TOOLS),1)
test: test-docker
PARALLEL += --ignore tests/docker
COVERAGE := --cov --cov-report=
endif

test: lint ## lint and every test (FWHT_REQUIRE_GPU=1, FWHT_REQUIRE_TOOLS=1: no GPU, nginx or Ray fails instead of skipping)
	@$(RUN) -m pytest $(PARALLEL) --durations=10 $(or $(ARGS),$(COVERAGE))

.PHONY: image install uninstall doctor report test-docker test-image test-arm

image: ## build the container image of this machine's PLATFORM (docker/versions.env names them)
	@docker/image.sh $(ARGS)

install: ## (root) install a systemd service, without containers: docker/install.sh
	@docker/install.sh

uninstall: ## (root) take it away
	@docker/install.sh --uninstall

doctor: ## look at this machine: JetPack, TensorRT, power mode, swap, memory, and what is wrong
	@docker/doctor.sh

report: ## collect what a report about a board needs, into build/report.md
	@docker/report.sh

# An environment of its own: the tools, KServe above all, want other versions of what the server needs.
.venv-docker/.done: tests/docker/requirements.txt pyproject.toml
	@python3 -m venv .venv-docker
	@docker/renew_pip.sh .venv-docker/bin/python
	@.venv-docker/bin/python -m pip install $(PIP_FLAGS) '.[cpu]' -r tests/docker/requirements.txt
	@touch $@

test-docker: .venv-docker/.done ## all about images and manifests that needs no board; a missing tool fails
	@FWHT_REQUIRE_TOOLS=1 .venv-docker/bin/python -m pytest tests/docker $(ARGS)

test-image: ## (root) build the CPU image on a Debian made here, without a registry, and smoke-test it
	@tests/docker/cpu_image.sh

test-arm: ## (root) the server's tests as a program for arm64, under qemu
	@tests/docker/arm64_tests.sh

bench: $(TESTING) ## measure; JSON into build/bench/
	@$(RUN) -m benchmarks.kernels.fwht_node
	@$(RUN) -m benchmarks.kernels.models
	@$(RUN) -m benchmarks.serving.server
	@$(RUN) -m benchmarks.serving.overhead
	@$(RUN) -m benchmarks.serving.throughput
	@$(RUN) -m benchmarks.serving.decoding
	@$(RUN) -m benchmarks.serving.restart
	@$(RUN) -m benchmarks.serving.bulk

soak: $(TESTING) ## most of an hour: overload, broken requests, killed servers and bulk runs; JSON into build/bench/
	@$(RUN) -m pytest --full -m 'slow or soak' tests/export tests/plugins tests/server/backends tests/benchmarks tests/test_served_accuracy.py
	@$(RUN) -m benchmarks.kernels.a57_layer --check
	@$(RUN) -m benchmarks.serving.overload
	@$(RUN) -m benchmarks.serving.fuzz
	@$(RUN) -m benchmarks.serving.schema_fuzz
	@$(RUN) -m benchmarks.serving.rolling
	@$(RUN) -m benchmarks.serving.bulk_kills

bench-plugin: $(TESTING) ## on a GPU: build the plugin, check, sanitize and time it (benchmarks/on_gpu.sh)
	@PYTHON=$(RUN) benchmarks/on_gpu.sh $(foreach step,$(STEPS),$(call quoted,$(step)))

clean: ## remove .venv and caches; build/ with what you trained stays
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
