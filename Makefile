# Targets only delegate; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup setup-rust demo example-trail-camera test spec-check generate bench bench-quick conformance conformance-smoke conformance-full soak-conformance images soak-starts soak-stop docs lint clean

PLUGIN ?= pyevents
LANGS ?=
export LANGS
SDK ?= all

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/' | expand -t 24

setup: ## Install what is missing (apt on Debian and Ubuntu)
	@scripts/setup.sh

setup-rust:
	@LANGS=rust scripts/setup.sh

demo: ## Run the seed's application and compare what each plugin got (PLUGIN=pyevents, rust, python, go, c; none waits for a client)
	@LANGS=$(or $(filter rust python go c,$(PLUGIN)),python) scripts/setup.sh
	@examples/seed/run.sh $(PLUGIN)

example-trail-camera: setup ## Run the camera-trap example and check it (LATE=1: its scorer comes late and is killed twice)
	@examples/trail-camera/run.sh $(if $(LATE),late $(LATE))

test: setup ## Run every check and every test (LANGS=rust,python: only these parts)
	@scripts/test.sh

spec-check: setup-rust ## Check that prose, registry, vectors, grammar and generated files agree
	cargo run --quiet --release -p event-engine-spec-tool -- check

generate: setup-rust ## Generate the constants and the grammar from spec/protocol.toml
	cargo run --quiet --release -p event-engine-spec-tool -- generate

bench: setup ## Measure engine and clients beside the ancestor, raw libzmq, channels and NATS
	cargo run --quiet --release -p event-engine-bench

bench-quick: setup ## The same in less than three minutes
	cargo run --quiet --release -p event-engine-bench -- --quick

conformance: ## Prove an SDK, in every lane: SDK=rust, python, go, c, pyevents, all (reports in target/conformance)
	@LANGS=$(or $(filter rust python go c,$(SDK)),$(if $(filter pyevents%,$(SDK)),python)) scripts/setup.sh
	@scripts/conformance.sh sdk $(SDK)

conformance-smoke: setup ## Prove all SDKs and the engine by the short choice of cases
	@scripts/conformance.sh smoke

conformance-full: setup ## Prove all SDKs, pairs and engines by every case, and the cases by mutants
	@scripts/conformance.sh full

soak-conformance: setup ## Ten full runs, three of them beside other work: the verdicts must be the same
	@scripts/conformance.sh soak

images: setup-rust ## Build and run the container images, without a daemon
	scripts/images.sh

soak-stop: setup-rust ## Stop an application at 500 random moments; every event must be accounted for, and nothing be left
	cargo build --quiet --release --examples -p event-engine-cli
	EE_STOPS=500 cargo test --release -p event-engine-cli --test it -- --nocapture stop_at_any_moment

soak-starts: setup-rust ## Start an application 5,000 times; every event must arrive
	EE_STARTS=5000 cargo test --release -p event-engine --test it starts -- --nocapture

docs: setup ## Make the API references of the clients (needs doxygen for C); Go: `go doc`
	cargo doc --quiet --no-deps -p event-engine-client -p event-engine-protocol -p event-engine-envelope -p event-engine@0.3.0 --features event-engine-client/tokio
	sdks/python/docs.sh
	sdks/c/docs.sh

lint: setup ## Formatters and linters only
	@scripts/lint.sh

clean: ## Remove what was built
	cargo clean
