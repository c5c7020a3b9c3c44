# SPDX-License-Identifier: Apache-2.0
#
# `make help` lists the targets. A file's folder decides which program it is
# linked into; the library's flags and the reader's never mix. Adding a source
# file or a test file is enough: nothing is listed here but packages.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c

ifeq ($(origin CC),default)
CC := gcc
endif
CXX := $(subst gcc,g++,$(subst clang,clang++,$(CC)))

# One build folder per compiler and sanitizer: make CC=clang SANITIZE=address
SANITIZE ?=
comma := ,
variant := $(if $(filter-out gcc,$(CC)),-$(notdir $(CC)))$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
B       := build$(variant)
ARCH    := $(shell $(CC) -dumpmachine 2>/dev/null | cut -d- -f1)
VERSION := 0.1.0
JOBS    ?= $(shell nproc)

PREFIX  ?= /usr/local
bindir  := $(DESTDIR)$(PREFIX)/bin
libdir  := $(DESTDIR)$(PREFIX)/lib/heaptide
mandir  := $(DESTDIR)$(PREFIX)/share/man/man1
docdir  := $(DESTDIR)$(PREFIX)/share/doc/heaptide
compdir := $(DESTDIR)$(PREFIX)/share/bash-completion/completions

# Debian's packages: what the build needs, what the demo adds, what the tests add.
BUILD_PACKAGES := gcc libc6-dev make pkg-config libprotobuf-c-dev protobuf-c-compiler zlib1g-dev \
	libdw-dev libelf-dev libcurl4-openssl-dev libmicrohttpd-dev libsqlite3-dev libjemalloc-dev \
	libiberty-dev systemtap-sdt-dev
DEMO_PACKAGES  := redis-server redis-tools python3-minimal
TEST_PACKAGES  := g++ clang lld libclang-rt-14-dev clang-format shellcheck check bats perl file binutils \
	jq xz-utils git procps util-linux strace gdb valgrind libunwind-dev elfutils debuginfod \
	golang-go google-perftools libgoogle-perftools-dev libtcmalloc-minimal4 libmimalloc2.0 libjemalloc2 \
	python3 sqlite3 nodejs musl-tools rustc curl prometheus python3-yaml \
	protobuf-compiler nginx-light openssl

# What `make torture` adds.
TORTURE_PACKAGES := memcached nginx-light wrk curl postgresql openssh-server openssh-client ruby lua5.4 \
	libpython3.11-testsuite default-jdk-headless ffmpeg imagemagick chromium

# ---------------------------------------------------------------- flags

WARNINGS := -Wall -Wextra -Wundef -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
	$(if $(CI),-Werror)
COMMON   := -std=gnu11 -O2 -g -I. $(WARNINGS) -MMD -MP -DHEAPTIDE_VERSION='"$(VERSION)"'
SANFLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all)

# The library: libc only, no stdio, nothing that could call back into malloc. Pairs
# of registers made into vectors cost the stack walker half of its speed.
LIB_CFLAGS := $(COMMON) -fPIC -fvisibility=hidden -fno-omit-frame-pointer -fno-stack-protector \
	-fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free \
	-ftls-model=initial-exec -fno-plt -fexceptions -fno-tree-slp-vectorize
LIB_LDFLAGS := -shared -Wl,--version-script=interpose/exports.map -Wl,-z,now -Wl,-z,relro \
	-Wl,-z,defs -Wl,-soname,libheaptide.so -Wl,--hash-style=gnu

READER_PACKAGES := libprotobuf-c zlib libdw libelf libcurl libmicrohttpd sqlite3
READER_CFLAGS := $(COMMON) -D_FILE_OFFSET_BITS=64 -I$(B)/exporter/proto \
	$(shell pkg-config --cflags $(READER_PACKAGES) 2>/dev/null)
READER_LIBS   := $(shell pkg-config --libs $(READER_PACKAGES) 2>/dev/null) -liberty -lm
CHECK_LIBS    := $(shell pkg-config --libs check 2>/dev/null)

# ---------------------------------------------------------------- files

other_arch     := $(filter-out %_$(ARCH).c,$(wildcard sampler/*_x86_64.c sampler/*_aarch64.c))
# In sampler/, snapshot*.c is the reading end; all else is the writing end.
reader_sources := $(wildcard sampler/snapshot*.c leakcheck/*.c exporter/*.c)
lib_sources    := $(filter-out $(other_arch) $(reader_sources),$(wildcard interpose/*.c sampler/*.c))
protos         := $(wildcard exporter/proto/*.proto)
proto_sources  := $(protos:%.proto=$(B)/%.pb-c.c)
lib_objects    := $(lib_sources:%.c=$(B)/lib/%.o)
reader_objects := $(reader_sources:%.c=$(B)/reader/%.o) $(proto_sources:$(B)/%.c=$(B)/reader/gen/%.o)

# A test links what it uses out of these: everything but main() and the hooks.
test_archives := $(B)/tests/libreader.a $(B)/tests/libsampler.a
unit_tests    := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*_test.c))
# Programs (and shared objects, *_plugin) that bats tests run under the library.
test_sources  := $(wildcard $(foreach d,preload e2e torture,tests/$d/*.c tests/$d/*.cc) \
	tests/accuracy/sites*.c tests/accuracy/sites*.cc)
test_plugins  := $(addprefix $(B)/,$(addsuffix .so,$(basename $(filter %_plugin.c %_plugin.cc,$(test_sources)))))
test_programs := $(addprefix $(B)/,$(basename $(filter-out %_plugin.c %_plugin.cc,$(test_sources))))
bats_tests    := $(wildcard tests/preload/*.bats tests/e2e/*.bats tests/torture/*.bats)
bench_programs := $(patsubst %.c,$(B)/%,$(filter-out %_plugin.c,$(wildcard bench/*.c))) \
	$(patsubst %.c,$(B)/%.so,$(wildcard bench/*_plugin.c))

# A test's source may name the flags it needs in a line "Build with: -static".
own_flags = $(shell sed -n 's/^.*Build with: //p' $<)

.PHONY: all help deps demo test unit programs check torture fuzz lint bench accuracy fmt install clean files FORCE
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

# A sanitizer's runtime cannot be preloaded: with SANITIZE only the reader is built.
all: $(B)/heaptide $(if $(SANITIZE),,$(B)/libheaptide.so) ## build build/heaptide and build/libheaptide.so

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

# ---------------------------------------------------------------- building

# Changes when the flags do, so that no object is older than its flags.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','"'"',$(CC) $(LIB_CFLAGS) $(LIB_LDFLAGS) $(READER_CFLAGS) $(SANFLAGS))' > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(B)/libheaptide.so: $(lib_objects) interpose/exports.map
	$(CC) $(LIB_LDFLAGS) -o $@ $(lib_objects)

$(B)/heaptide: $(reader_objects)
	$(CC) $(SANFLAGS) -o $@ $(reader_objects) $(READER_LIBS) $(if $(SANITIZE),,-ljemalloc)

# The sampler under a sanitizer is for its unit tests; the unwinder reads
# stacks that are not its own, which only AddressSanitizer calls an error.
$(B)/lib/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(if $(findstring /stack_capture,$<),,$(SANFLAGS)) -c -o $@ $<

# The hooks have no frame; their slow paths ask for one.
$(B)/lib/interpose/%.o: LIB_CFLAGS += -fomit-frame-pointer

$(B)/reader/%.o: %.c $(B)/flags | $(proto_sources)
	@mkdir -p $(@D)
	$(CC) $(READER_CFLAGS) $(SANFLAGS) -c -o $@ $<

$(B)/reader/gen/%.o: $(B)/%.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(filter-out -W%,$(READER_CFLAGS)) $(SANFLAGS) -c -o $@ $<

$(B)/%.pb-c.c: %.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=$(<D) --c_out=$(@D) $<

# ---------------------------------------------------------------- building tests

$(B)/tests/libreader.a: $(filter-out %/exporter/main.o,$(reader_objects))
$(B)/tests/libsampler.a: $(filter-out %_hooks.o,$(lib_objects))
$(test_archives):
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/tests/unit/%: tests/unit/%.c $(test_archives)
	@mkdir -p $(@D)
	$(CC) $(READER_CFLAGS) $(SANFLAGS) -o $@ $< $(test_archives) $(READER_LIBS) $(CHECK_LIBS) \
		$(own_flags) -ldl -lpthread

$(B)/tests/accuracy/accuracy_table: tests/accuracy/accuracy_table.c $(test_archives)
	@mkdir -p $(@D)
	$(CC) $(READER_CFLAGS) $(SANFLAGS) -o $@ $< $(test_archives) $(READER_LIBS)

$(B)/bench/%: bench/%.c $(test_archives)
	@mkdir -p $(@D)
	$(CC) $(COMMON) -o $@ $< $(test_archives) $(own_flags) -ldl -lpthread -lm

# Without optimising away the allocations that a test is about.
test_flags := -O1 -g -I. -Wall -MMD -MP -fno-builtin

$(B)/%_plugin.so: %_plugin.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(test_flags) -fPIC -shared -o $@ $< $(filter %.a,$^) $(own_flags)

# The library's unwinder, and libunwind, to be compared in the program's process.
$(B)/tests/preload/stack_oracle_plugin.so: $(B)/tests/libsampler.a

$(B)/tests/%_plugin.so: tests/%_plugin.cc
	@mkdir -p $(@D)
	$(CXX) -std=gnu++17 $(test_flags) -fPIC -shared -o $@ $< $(own_flags)

$(B)/tests/%: tests/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(test_flags) -o $@ $< -ldl -lpthread $(own_flags)

$(B)/tests/%: tests/%.cc
	@mkdir -p $(@D)
	$(CXX) -std=gnu++17 $(test_flags) -o $@ $< -ldl -lpthread $(own_flags)

# ---------------------------------------------------------------- testing

unit: $(unit_tests) ## build the unit tests without running them
programs: $(test_programs) $(test_plugins) $(B)/tests/accuracy/accuracy_table ## build the programs that bats tests run

test: all unit programs ## unit, preload and end-to-end tests
	HEAPTIDE_BUILD=$(CURDIR)/$(B) tests/run_tests $(unit_tests) $(bats_tests)

lint: all ## layering, symbols, dependencies and house rules
	HEAPTIDE_BUILD=$(CURDIR)/$(B) tests/run_tests $(wildcard tests/lint/*.bats)

# Two compilers, one sanitizer build, then everything in one run with one sum.
check: export CI := 1
check: deps ## all of it: lint, both compilers, all tests, sanitizers, fuzzing
	@echo "building with gcc"
	@$(MAKE) -s -j$(JOBS) CC=gcc all unit programs
	@echo "building with clang"
	@$(MAKE) -s -j$(JOBS) CC=clang all unit
	@echo "building with AddressSanitizer and UndefinedBehaviorSanitizer"
	@$(MAKE) -s -j$(JOBS) CC=clang SANITIZE=address,undefined all unit
	@echo "testing"
	@HEAPTIDE_BUILD=$(CURDIR)/build tests/run_tests $(wildcard tests/fuzz/run.sh) \
		$(foreach b,build-clang-address-undefined build-clang build,\
		$(patsubst %.c,$b/%,$(wildcard tests/unit/*_test.c))) \
		$(bats_tests) $(wildcard tests/lint/*.bats)

FUZZ_SECONDS ?= 600
fuzz: ## feed damaged segments to the reader, for FUZZ_SECONDS (600)
	HEAPTIDE_BUILD=$(CURDIR)/$(B) bash tests/fuzz/run.sh $(FUZZ_SECONDS)

bench: all $(bench_programs) ## measure; the tables go to $(B)/bench.md
	HEAPTIDE_BUILD=$(CURDIR)/$(B) bash bench/all | tee $(B)/bench.md

# Unit tests of what threads share without locks; ThreadSanitizer wants addresses unmoved.
racing_tests := $(addprefix tests/unit/,claim_race_test stack_table_test live_table_test \
	ledger_test free_filter_test segment_writer_test snapshot_test)

# About an hour: every program of docs/compatibility.md, and 30 minutes of soaking.
torture: export TORTURE := long
torture: PACKAGES := $(BUILD_PACKAGES) $(DEMO_PACKAGES) $(TEST_PACKAGES) $(TORTURE_PACKAGES)
torture: deps all programs ## run real and hostile programs with and without the library
	@$(MAKE) -s CC=clang SANITIZE=thread $(racing_tests:%=build-clang-thread/%)
	setarch -R tests/run_tests $(racing_tests:%=$(CURDIR)/build-clang-thread/%)
	HEAPTIDE_BUILD=$(CURDIR)/$(B) TEST_TIMEOUT=7200 tests/run_tests $(wildcard tests/torture/*.bats)

# About ten minutes: 100 runs at each of two intervals.
accuracy: all programs ## compare 200 sampled runs with the truth; tables go to $(B)/accuracy.md
	for run in "1 1" "65536 100" "524288 100"; do \
		$(B)/tests/accuracy/accuracy_table $(CURDIR)/$(B)/libheaptide.so \
			$(B)/tests/accuracy/sites $(B)/tests/accuracy/sites_plugin.so $$run || exit 1; \
	done | tee $(B)/accuracy.md

demo: PACKAGES := $(BUILD_PACKAGES) $(DEMO_PACKAGES)
demo: deps ## profile redis-server under load, print the report, leave profile.pb.gz
	@$(MAKE) -s -j$(JOBS) all
	@bash docs/demo.sh

c_files = $(wildcard $(foreach d,interpose sampler leakcheck exporter bench tests/*,$d/*.[ch] $d/*.cc))

fmt: ## lay out every C file with clang-format
	clang-format -i $(c_files)

files:
	@printf '%s\n' $(c_files)

# ---------------------------------------------------------------- installing

PACKAGES := $(BUILD_PACKAGES) $(DEMO_PACKAGES) $(TEST_PACKAGES)

deps: ## install what is missing from Debian's packages (root, or through sudo)
	@bash .ci/install_packages $(PACKAGES)

# The manual page, the completion and docs/options.md come from the option table.
$(B)/heaptide.1: $(B)/heaptide
	$(B)/heaptide help --format man > $@

$(B)/heaptide.bash: $(B)/heaptide
	$(B)/heaptide help --format completion > $@

docs/options.md: $(B)/heaptide
	$(B)/heaptide help --format markdown > $@

install: all $(B)/heaptide.1 $(B)/heaptide.bash ## install to DESTDIR and PREFIX (/usr/local)
	install -d $(bindir) $(libdir) $(mandir) $(compdir) $(docdir)/deploy
	install -m 755 $(B)/heaptide $(bindir)/heaptide
	install -m 644 $(B)/libheaptide.so $(libdir)/libheaptide.so
	install -m 644 $(B)/heaptide.1 $(mandir)/heaptide.1
	install -m 644 $(B)/heaptide.bash $(compdir)/heaptide
	install -m 644 README.md LICENSE $(wildcard docs/*.md) $(docdir)
	install -m 644 $(wildcard docs/deploy/*) $(docdir)/deploy

clean: ## remove everything that was built
	rm -rf build build-*

-include $(shell find $(B) -name '*.d' 2>/dev/null)
