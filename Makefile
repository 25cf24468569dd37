# Targets only delegate; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test spec-check generate bench bench-quick images soak-starts lint clean

PLUGIN ?= pyevents

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/' | expand -t 16

setup: ## Install what is missing (apt on Debian and Ubuntu)
	@scripts/setup.sh

demo: setup ## Run the seed's application and compare what each plugin got (PLUGIN=none: wait for a client)
	@examples/seed/run.sh $(PLUGIN)

test: setup ## Run every check and every test
	@scripts/test.sh

spec-check: setup ## Check that prose, registry, vectors, grammar and generated files agree
	cargo run --quiet --release -p event-engine-spec-tool -- check

generate: setup ## Generate the constants and the grammar from spec/protocol.toml
	cargo run --quiet --release -p event-engine-spec-tool -- generate

bench: setup ## Measure the engine beside the ancestor, raw libzmq and channels
	cargo run --quiet --release -p event-engine-bench

bench-quick: setup ## The same in less than three minutes
	cargo run --quiet --release -p event-engine-bench -- --quick

images: setup ## Build and run the container images, without a daemon
	scripts/images.sh

soak-starts: setup ## Start an application 5,000 times; every event must arrive
	EE_STARTS=5000 cargo test --release -p event-engine --test it starts -- --nocapture

lint: setup ## Formatters and linters only
	@scripts/lint.sh

clean: ## Remove what was built
	cargo clean
