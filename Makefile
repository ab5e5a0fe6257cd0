# The one way in: `make build`, `make demo`, `make test`. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# One configuration is compiled, and everything uses it: the command, the tests, the documentation's examples.
SWIFT_BUILD := swift build -c release
DIGITS := $${XDG_CACHE_HOME:-$$HOME/.cache}/gridless/digits/digits.csv
# What both digit networks share: 16 pixels, no flip, because a mirrored digit is none, and one thread, so that machines
# with one type of processor print the same.
DIGITS_IMAGES := --model resnet8 --size 16 --augment crop --threads 1
DIGITS_NETWORK := $(DIGITS_IMAGES) --seed 1
DOCUMENTED := Torch Weights Datasets Fetching TensorBoard Backbones Evidence Baselines Training Studies Reports Gridless
DOCS := docs-build
# After this long a test is taken to hang.
TEST_LIMIT ?= 20m

# $(call why,MESSAGE): ends a recipe whose command failed.
why = { printf 'make $@: %s\n' '$(1)' >&2; exit 1; }

# How many mutated files `make fuzz` reads.
FUZZ ?= 10000000

.PHONY: help setup build cuda bundle demo compare-demo digits-network test test-long fuzz bench lint docs clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: ## install and download what the build needs (libtorch is kept in ~/.cache/gridless)
	@Scripts/setup.sh

build: setup ## compile; the command is then .build/release/gridless
	@$(SWIFT_BUILD) || $(call why,the package does not compile; the first error is above)

cuda: build ## compile what records CUDA graphs, beside the command (needs no GPU)
	@Scripts/cuda.sh || $(call why,the library of CUDA graphs was not made; the first error is above)

bundle: build ## pack the command for a machine with PyTorch 2.11.0, but without Swift
	@Scripts/bundle.sh || $(call why,the bundle was not made; the first error is above)

demo: build ## fine-tune a small network on handwritten digits, in ten seconds once it is built
	@run=1; while [ -e runs/digits-$$run ]; do run=$$((run + 1)); done; set -x; \
	  .build/release/gridless finetune "$(DIGITS)" --classes 5,6,7,8,9 --n 50 $(DIGITS_NETWORK) \
	  --weights Examples/digits/resnet8-digits-0-4.safetensors --steps 400 --initial-sigma 2e-3 \
	  --out runs/digits-$$run || { set +x; $(call why,the demo failed; its message is above); }

compare-demo: build ## compare all methods on handwritten digits, in three minutes once it is built
	@run=1; while [ -e runs/compare-$$run ]; do run=$$((run + 1)); done; set -x; \
	  .build/release/gridless compare "$(DIGITS)" --classes 5,6,7,8,9 --n 50 $(DIGITS_IMAGES) \
	  --weights Examples/digits/resnet8-digits-0-4.safetensors --steps 200 --initial-sigma 2e-3 --seeds 1,2 \
	  --methods de-elbo,elbo,map-grid,map-bo,map-asha,la-lml,la-clml,linear-probe --configs 12 --parallel 2 \
	  --kappas 1,10,100,1000,D/N,D --figure selection \
	  --out runs/compare-$$run && .build/release/gridless report runs/compare-$$run \
	  || { set +x; $(call why,the comparison failed; its message is above); }

digits-network: build ## train the demo's pretrained network on the digits 0-4 again
	@rm -rf .build/digits-network
	@.build/release/gridless finetune "$(DIGITS)" --classes 0,1,2,3,4 $(DIGITS_NETWORK) --weights none \
	  --steps 400 --batch-size 64 --lr 0.1 --kappa 100000 --out .build/digits-network \
	  || $(call why,training failed; its message is above)
	@cp .build/digits-network/model.safetensors Examples/digits/resnet8-digits-0-4.safetensors

test: build ## run the tests, the formatter, the example package and the bundle
	@Scripts/test-tools.sh
	@$(SWIFT_BUILD) --build-tests || $(call why,the tests do not compile; the first error is above)
	@# Two processes side by side: the tests of the command, whose time goes into starting it, and all others.
	@printf '%s\n' --filter --skip | xargs -P 2 -I SHARE timeout --foreground -s INT -k 10 $(TEST_LIMIT) \
	  swift test -c release --skip-build --ignore-lock --no-parallel SHARE GridlessCLITests 2>&1 | tee .build/test.log \
	  || $(call why,a test failed (look for ✘ above or in .build/test.log) or took longer than $(TEST_LIMIT))
	@! grep -q 'Test run with 0 tests' .build/test.log || $(call why,no test was found)
	@$(MAKE) lint
	@Scripts/test-consumer.sh || $(call why,the example package Examples/Consumer does not build or run)
	@Scripts/test-bundle.sh || $(call why,the bundle does not start)

test-long: ## run the tests that take minutes, too, and `make fuzz`
	@GRIDLESS_LONG_TESTS=1 $(MAKE) test TEST_LIMIT=4h
	@$(MAKE) fuzz

fuzz: setup ## read ten million mutated weight files with the address sanitizer (FUZZ=100000: fewer)
	@# Swift's own checks of overflow, and with -assert-config Debug of unsafe pointers' bounds, stand for the
	@# undefined-behaviour sanitizer, which Swift does not have on Linux. Leaks are not looked for: Swift tags pointers.
	@swift build -c release --sanitize=address -Xswiftc -assert-config -Xswiftc Debug --scratch-path .build-fuzz \
	  --product weights-fuzz || $(call why,weights-fuzz does not compile; the first error is above)
	@cores=$$(nproc); share=$$(( ($(FUZZ) + cores - 1) / cores )); jobs=(); \
	  for core in $$(seq 0 $$((cores - 1))); do \
	    ASAN_OPTIONS=detect_leaks=0 .build-fuzz/release/weights-fuzz run $$share $$((core * share)) 1 Tests/golden/weights \
	      2>.build-fuzz/fuzz-$$core.log & jobs+=($$!); \
	  done; failed=0; for job in $${jobs[@]}; do wait $$job || failed=1; done; \
	  [ $$failed = 0 ] || $(call why,an input crashed a reader; .build-fuzz/fuzz-*.log show where)

bench: build ## time training steps beside PyTorch's (BENCH=--quick: a few minutes; needs Python 3.11)
	@bench=.build/release/gridless-bench; python=$$(Scripts/peer.sh); \
	  { $$bench steps --python "$$python" $(BENCH) && echo && $$bench profile && echo && $$bench decoding --images 728 && echo \
	  && $$bench startup; } || $(call why,a measurement failed; its message is above)

lint: ## check the formatting
	@swift format lint --strict --parallel -r Package.swift Sources Tests Examples Benchmarks \
	  || $(call why,run: swift format -i -r Package.swift Sources Tests Examples Benchmarks)

docs: setup ## make the documentation in docs-build/ (the first time, this fetches swift-docc-plugin)
	@mkdir -p $(DOCS) .build-docs
	@cp Package.resolved .build-docs/ 2>/dev/null || rm -f .build-docs/Package.resolved
	@# The plug-in's pins must not stay: every later build would fetch it.
	@trap 'cp .build-docs/Package.resolved . 2>/dev/null || rm -f Package.resolved' EXIT; \
	  GRIDLESS_DOCS=1 swift package -c release --scratch-path .build-docs --allow-writing-to-directory $(DOCS) \
	  generate-documentation $(DOCUMENTED:%=--target %) --enable-experimental-combined-documentation \
	  --warnings-as-errors --transform-for-static-hosting --output-path $(DOCS) \
	  || $(call why,DocC warned or failed; its message is above)

clean: ## remove what was built (not the downloads in ~/.cache/gridless)
	@rm -rf .build .build-docs .build-fuzz .build-consumer $(DOCS)
