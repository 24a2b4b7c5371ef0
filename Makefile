# The front door; meson does the work.
#
#   make            build/batond, build/baton
#   make demo       two hosts, a Linux guest, there and back, with everything that is said about it
#   make check      all tests
#   make fuzz       each fuzzer for FUZZ_SECONDS (60); what it discovers stays in tests/fuzz/corpus
#   make explore    every order of events with five faults on one way; make mutants: it finds what is wrong
#   make torture    SEED=1 COUNT=100 QEMU=fake (7.2, 10): break one thing in each of so many migrations
#   make install    DESTDIR and PREFIX as usual
#
# Each installs the packages that it needs (scripts/install-packages) and is quiet when there is nothing to do.
BUILD ?= build
PREFIX ?= /usr/local
MESON_OPTIONS ?=
FUZZ_SECONDS ?= 60
export BUILD

.PHONY: all demo check fuzz explore mutants torture install clean
all: | packages-build $(BUILD)/build.ninja
	@out=$$(ninja -C $(BUILD) --quiet batond baton 2>&1); status=$$?; \
	printf %s "$$out" | grep -v 'ninja: no work to do'; exit $$status

$(BUILD)/build.ninja: | packages-build
	@meson setup $(MESON_OPTIONS) $(BUILD) >$(BUILD).log || { cat $(BUILD).log; exit 1; }
	@mv $(BUILD).log $(BUILD)/setup.log

.PHONY: packages-build packages-demo packages-check
packages-build packages-demo packages-check:
	@scripts/install-packages $(@:packages-%=%)

demo: packages-demo all
	@scripts/fetch-kernel $(BUILD)/guests/vmlinuz
	@tests/guests/build $(BUILD)/guests
	@demo/demo

check: packages-check
	@tests/run

fuzz: packages-check
	@test -f $(BUILD)/check-fuzz/build.ninja || CC=clang meson setup -Dfuzz=true -Db_sanitize=address,undefined \
		-Db_lundef=false $(BUILD)/check-fuzz >/dev/null
	@ninja -C $(BUILD)/check-fuzz --quiet
	@for program in $(BUILD)/check-fuzz/tests/fuzz/fuzz_*; do \
		test -d $$program || tests/fuzz/run $$program $(FUZZ_SECONDS) keep || exit 1; done

install: all
	install -D -m 0755 $(BUILD)/batond $(DESTDIR)$(PREFIX)/sbin/batond
	install -D -m 0755 $(BUILD)/baton $(DESTDIR)$(PREFIX)/bin/baton
	test -e $(DESTDIR)/etc/baton/batond.conf || \
		install -D -m 0644 dist/batond.conf $(DESTDIR)/etc/baton/batond.conf
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,@sbindir@,$(PREFIX)/sbin,' dist/batond.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/batond.service

clean:
	rm -rf $(BUILD)

explore: all
	@ninja -C $(BUILD) --quiet tests/explore/explore
	@$(BUILD)/tests/explore/explore --all

mutants:
	@tests/explore/mutants

SEED ?= 1
COUNT ?= 100
QEMU ?= fake
torture: packages-check
	@tests/run torture --seed $(SEED) --count $(COUNT) --qemu $(QEMU)
