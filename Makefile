# Every target says what it does with `make help`. Missing packages are installed on the way, see scripts/install.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

CARGO := cargo

# What the tests use, without building them. `--examples` makes cargo count the features that dev-dependencies turn on, as
# `cargo test` does: with other features for each, everything from tokio up would be compiled twice.
BUILD := $(CARGO) build --locked --workspace --lib --bins --examples
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Arguments for the program that `run`, `chaos` or `bench` starts.
ARGS :=

# The servers for `matrix`: etcd, zookeeper, or either with a version, as in etcd@3.6.5.
SERVERS :=

# Where `install` puts everything, and which build of it: release or debug.
PREFIX ?= /usr/local
PROFILE ?= release

# How long `chaos` plays.
SECONDS ?= 600

# Its servers' disks are filled where the system allows a process to mount some of its own.
DISKS = $(shell unshare --user --map-root-user --mount mount -t tmpfs tmpfs /tmp 2>/dev/null && echo --disks)

.PHONY: help run install check test book chaos mutants fuzz soak interop matrix bench failover lint audit install-build install-lint install-servers install-browser install-matrix install-clients install-mutants install-fuzz install-book

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

run: install-build ## Build host and plugins, then run a master, two workers and the page in memory (ARGS='...' adds arguments)
	$(BUILD)
	exec $(TARGET)/debug/registry standalone $(ARGS)

install: install-build ## Install program, plugins, manual, completions and units (PREFIX=/usr/local, DESTDIR=, PROFILE=debug)
	$(BUILD) $(if $(filter-out debug,$(PROFILE)),--profile $(PROFILE))
	scripts/install-files $(TARGET)/$(PROFILE) $(PREFIX)

check: install-build install-lint ## Check format and lints, and run the tests that need no servers: for every change
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	CARGO=$(CARGO) scripts/run-tests --without-servers

# The tests wait for servers a third of their time: that is enough for lints and documentation.
test: install-build install-servers install-browser install-lint ## Run every check and every test, on real servers
	$(CARGO) fmt --all --check
	$(BUILD)
	CARGO=$(CARGO) BESIDE=$$'make lint\n'"$${BESIDE:-}" scripts/run-tests

chaos: install-build install-servers ## Play random histories, then clients, tasks and faults on clusters (SECONDS=3600 says for how long, ARGS='...' adds arguments)
	$(BUILD)
	HISTORIES_SECONDS=$$(($(SECONDS) / 5)) $(CARGO) test --locked -p registry-suite --test histories
	for backend in etcd zookeeper; do \
		$(TARGET)/debug/registry-chaos run --backend $$backend --seconds $$(($(SECONDS) / 5)) --out $(TARGET)/chaos/$$backend $(DISKS) $(ARGS); \
		$(TARGET)/debug/registry-chaos tasks --backend $$backend --seconds $$(($(SECONDS) / 5)) --out $(TARGET)/chaos/tasks-$$backend; \
	done

mutants: install-build install-servers install-mutants ## Break the product on purpose, in many ways, and have chaos runs find each (ARGS='...' names some)
	$(CARGO) build --locked -p registry-chaos
	exec $(TARGET)/debug/registry-chaos mutants $(ARGS)

fuzz: install-build install-fuzz ## Feed what reads foreign bytes with random ones, a minute each (ARGS='...' names targets, FUZZ_SECONDS=3600: an hour)
	SECONDS_EACH=$${FUZZ_SECONDS:-60} exec scripts/fuzz $(ARGS)

soak: install-build install-servers ## Live through a day of heartbeats, watches, locks and breaks as fast as it goes; nothing may grow (ARGS='--hours 72')
	$(BUILD)
	exec $(TARGET)/debug/registry-chaos soak --out $(TARGET)/soak $(ARGS)

interop: install-build install-servers install-clients ## Meet the servers' other clients, Go's, Curator, kazoo, DolphinScheduler's servers and Dubbo, which it fetches (ARGS='...' names trials)
	$(BUILD)
	tests/interop/build $(TARGET)
	exec $(TARGET)/debug/registry-interop $(ARGS)

matrix: install-build install-servers install-matrix ## Try the laws on the newest etcd and ZooKeeper (SERVERS='etcd@3.6.5 ...' names others)
	scripts/matrix $(SERVERS)

bench: install-build install-servers install-clients ## Measure the plugins against the raw clients, Go's and Curator, in a release build (ARGS='...' adds arguments)
	$(CARGO) build --locked --workspace --release
	tests/interop/build $(TARGET) go java
	exec $(TARGET)/release/registry-bench --peers $(TARGET)/interop $(ARGS)

failover: install-build install-servers install-clients ## Measure how long clients are without their servers, fault by fault (ARGS='...' adds arguments)
	$(CARGO) build --locked --workspace --release
	tests/interop/build $(TARGET) go java
	exec $(TARGET)/release/registry-failover --peers $(TARGET)/interop $(ARGS)

lint: install-build install-lint ## Check format, lints and documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --locked --workspace --no-deps

book: install-book ## Build the pages as one book, in target/book
	scripts/book $(TARGET)/book

audit: ## Check licences, sources and advisories of all dependencies (needs cargo-deny and the network)
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: install it with 'cargo install cargo-deny --locked'" >&2; exit 1; }
	$(CARGO) deny --locked check

install-servers: ## Install the servers that the tests run on: etcd and its client, ZooKeeper and Java
	@scripts/install servers

install-browser:
	@scripts/install browser

install-clients:
	@scripts/install clients

install-build:
	@scripts/install build

install-matrix:
	@scripts/install matrix

install-mutants:
	@scripts/install mutants

install-fuzz:
	@scripts/install fuzz

install-lint:
	@scripts/install lint

install-book:
	@scripts/install book
