# make deb      the Debian package, in target/deb/
# make test     everything .ci/run runs: lint, unit tests, the package, lintian, system tests in a booted Debian 13 and 14
# make test-vm  what is too long for that, or depends on what Debian's testing is today: an upgrade from 13 to 14 under running
#               containers, and refreshes with something killed in each
# make demo     a hundred containers, patched by unattended-upgrade, in a throw-away Debian 13
# make lint-told        what the TOML linter of editors makes of the JSON Schemas, and mandoc of lodger.toml(5) and lodger-json(5)
# make bench    what containers cost beside podman, LXC, nspawn and bubblewrap; make bench LEVELS="1 10" is the short run
# make bench-generator  how fast the generator is, beside cp -a and podman's Quadlet
# make bench-refresh    how fast the parts of a refresh are, beside C programs and Debian's needrestart
# make install  for packagers: what `make build` made, under DESTDIR

# Absolute: cargo and the package build run in other directories too.
export CARGO_TARGET_DIR ?= $(CURDIR)/target
# The program must not tell where it was built.
CARGO_HOME ?= $(HOME)/.cargo
REMAP = --remap-path-prefix=$(CARGO_HOME)=/cargo

RELEASE = $(CARGO_TARGET_DIR)/release
HOST    = $(shell rustc --version --verbose | sed -n 's/^host: //p')
STATIC  = $(CARGO_TARGET_DIR)/$(HOST)/release
# what the built program tells about itself: manual pages, JSON Schemas, shell completions, the list of crates and their notices
TOLD    = $(CARGO_TARGET_DIR)/told
TAPLO   = $(CARGO_TARGET_DIR)/taplo
DEB     = $(CURDIR)/target/deb

PREFIX   = /usr
DATA     = $(DESTDIR)$(PREFIX)/share
UNITS    = $(DESTDIR)$(PREFIX)/lib/systemd/system
LIBEXEC  = $(DESTDIR)$(PREFIX)/libexec

# What is run on Debian 14 as well: roots, which its systemd makes in another way, and what depends on them. With
# `SUITE=forky tests/system/run` all of it is.
ON_FORKY ?= bus commands dependencies environment ephemeral failing files fresh going-back health hooks host-files inside isolation \
            lost-start mounts payload pinned proof read-only reload rights signals stopped stop-timeout stops uppers verify

.PHONY: build deb generator-size lint lintian unit-test lint-told test-system test test-vm demo bench bench-generator bench-refresh install prerequisites
# One cargo, one booted system at a time; and `test` means: in this order.
.NOTPARALLEL:

# lodgerd runs as root, on the host, with the environment of containers (ExecStartPre=+ and the like), and some may write what they
# have in it: linked statically, it has no loader that LD_PRELOAD= and the like would be for.
build:
	RUSTFLAGS='$(RUSTFLAGS) $(REMAP)' cargo build --release --locked --bin lodger --bin lodger-generator
	RUSTFLAGS='$(RUSTFLAGS) $(REMAP) -C target-feature=+crt-static' cargo build --release --locked --bin lodgerd --target $(HOST)
	mkdir -p $(TOLD)
	$(RELEASE)/lodger man >$(TOLD)/lodger.1
	$(RELEASE)/lodger man 5 >$(TOLD)/lodger.toml.5
	$(RELEASE)/lodger schema >$(TOLD)/container.schema.json
	$(RELEASE)/lodger schema --drop-in >$(TOLD)/drop-in.schema.json
	$(RELEASE)/lodger schema --settings >$(TOLD)/settings.schema.json
	$(RELEASE)/lodger completions bash >$(TOLD)/lodger.bash
	$(RELEASE)/lodger completions zsh >$(TOLD)/_lodger
	$(RELEASE)/lodger completions fish >$(TOLD)/lodger.fish
	cargo tree --locked --edges normal --prefix none --no-dedupe --format '{p} {l}' >$(TOLD)/tree
	sed -e '/^lodger /d' -e 's/ (proc-macro)//' $(TOLD)/tree | sort -u >$(TOLD)/crates
	debian/notices <$(TOLD)/crates >$(TOLD)/notices
	@for file in lodger.1 lodger.toml.5 container.schema.json drop-in.schema.json settings.schema.json \
	  lodger.bash _lodger lodger.fish crates notices; do \
	  test -s $(TOLD)/$$file || { echo "error: $$file came out empty" >&2; exit 1; }; \
	done

deb: prerequisites
	debian/package $(DEB)

lint: prerequisites
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	debian/prerequisites lint
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo clippy --all-targets --locked --manifest-path fuzz/Cargo.toml -- -D warnings

unit-test: prerequisites
	cargo test --locked

# Apart from lint, for it needs npm. npm has taplo as one package, in seconds; its crate would take minutes to build.
lint-told: prerequisites
	debian/prerequisites lint-told
	cargo build --locked --bin lodger
	mkdir -p $(TAPLO)
	cp tests/schema/package.json tests/schema/package-lock.json $(TAPLO)
	npm ci --prefix $(TAPLO) --ignore-scripts --no-audit --no-fund
	tests/schema/run $(CARGO_TARGET_DIR)/debug/lodger $(TAPLO)/node_modules/.bin/taplo
	$(CARGO_TARGET_DIR)/debug/lodger man 5 >$(TAPLO)/lodger.toml.5
	mandoc -T lint -W warning $(TAPLO)/lodger.toml.5 man/lodger-json.5

# Not one that was made for speed of building: the generator runs at each boot and each daemon-reload.
generator-size: deb
	@size=$$(dpkg-deb --fsys-tarfile $(DEB)/lodger_*.deb | tar -xO ./usr/lib/systemd/system-generators/lodger-generator | wc -c) && \
	echo "generator: $$size bytes" && test $$size -gt 0 && \
	{ test $$size -le 1500000 || { echo 'error: that is more than 1.5 MB' >&2; exit 1; }; }

lintian: deb
	debian/prerequisites lintian
	lintian --fail-on error --tag-display-limit 0 --allow-root $(DEB)/lodger_*.changes

test-system: deb
	tests/system/all $(ON_FORKY)

# What cannot be tested here has failed.
test: export CI = 1
test: lint unit-test lint-told deb generator-size lintian test-system

test-vm: deb
	tests/system/run release-upgrade
	tests/system/chaos

demo: deb
	tests/system/demo

bench: deb
	bench/roots/run

bench-generator: prerequisites
	bench/generator

bench-refresh: deb
	bench/refresh/run

prerequisites:
	debian/prerequisites build

install:
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(RELEASE)/lodger
	install -D -m 755 -t $(LIBEXEC) $(STATIC)/lodgerd units/lodger-mark
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/lib/systemd/system-generators $(RELEASE)/lodger-generator
	install -D -m 644 -t $(UNITS) units/lodger.target units/lodger.slice units/lodgerd.service units/lodgerd.path \
	  units/lodgerd-base.service units/lodgerd-prune.service units/lodgerd-prepare@.service units/lodgerd-isolation.service \
	  units/lodgerd-health@.service units/lodgerd-later@.service units/lodgerd-stops.socket units/lodgerd-stops@.service \
	  units/lodger-alert@.service
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/tmpfiles.d units/tmpfiles.d/lodger.conf
	install -D -m 644 -t $(DATA)/dbus-1/system-services units/org.lodger1.service
	install -D -m 644 -t $(DATA)/dbus-1/system.d units/org.lodger1.conf
	install -D -m 644 -t $(DATA)/polkit-1/actions units/org.lodger1.policy
	install -D -m 644 -t $(DESTDIR)/etc/apt/apt.conf.d units/apt.conf.d/80lodger
	install -D -m 644 -t $(DESTDIR)/etc/dpkg/dpkg.cfg.d units/dpkg.cfg.d/lodger
	install -D -m 644 -t $(DESTDIR)/etc/needrestart/conf.d units/needrestart.conf.d/lodger.conf
	install -D -m 644 -t $(DATA)/man/man1 $(TOLD)/lodger.1
	install -D -m 644 -t $(DATA)/man/man5 $(TOLD)/lodger.toml.5 man/lodger-json.5 man/org.lodger1.5
	install -D -m 644 -t $(DATA)/man/man8 man/lodgerd.8
	install -D -m 644 -t $(DATA)/lodger $(TOLD)/container.schema.json $(TOLD)/drop-in.schema.json $(TOLD)/settings.schema.json
	install -D -m 644 $(TOLD)/lodger.bash $(DATA)/bash-completion/completions/lodger
	install -D -m 644 -t $(DATA)/zsh/vendor-completions $(TOLD)/_lodger
	install -D -m 644 -t $(DATA)/fish/vendor_completions.d $(TOLD)/lodger.fish
	install -D -m 644 -t $(DATA)/doc/lodger $(TOLD)/crates $(TOLD)/notices
	cd examples && find . -type f -exec install -D -m 644 {} $(DATA)/doc/lodger/examples/{} ';'
