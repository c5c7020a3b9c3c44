# SPDX-License-Identifier: Apache-2.0
# `make help` lists the targets. A file's folder decides which program it is
# linked into; the library's flags and the reader's never mix.

CC      ?= gcc
# One build folder per compiler and sanitizer: make SANITIZE=address CC=clang
SANITIZE ?=
variant := $(if $(filter-out gcc cc,$(CC)),-$(notdir $(CC)))$(if $(SANITIZE),-$(SANITIZE))
B       ?= build$(variant)
ARCH    := $(shell $(CC) -dumpmachine | cut -d- -f1)
VERSION := 0.1.0

WARNINGS := -Wall -Wextra -Wundef -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes $(if $(CI),-Werror)
COMMON   := -std=gnu11 -O2 -g -I. $(WARNINGS) -MMD -MP -DHEAPTIDE_VERSION='"$(VERSION)"'
SANFLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all)

# The library: libc only, no stdio, nothing that could call back into malloc.
LIB_CFLAGS := $(COMMON) -fPIC -fvisibility=hidden -fno-omit-frame-pointer -fno-stack-protector \
	-fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free \
	-ftls-model=initial-exec -fno-plt -fexceptions
LIB_LDFLAGS := -shared -Wl,--version-script=interpose/exports.map -Wl,-z,now -Wl,-z,relro \
	-Wl,-z,defs -Wl,-soname,libheaptide.so -Wl,--hash-style=gnu

READER_PACKAGES := libprotobuf-c zlib libdw libelf
READER_CFLAGS = $(COMMON) $(shell pkg-config --cflags $(READER_PACKAGES)) -I$(B)/exporter/proto
READER_LIBS   = $(shell pkg-config --libs $(READER_PACKAGES)) -ljemalloc -liberty -lm

other_arch  := $(filter-out %_$(ARCH).c,$(wildcard sampler/*_x86_64.c sampler/*_aarch64.c))
lib_sources := $(filter-out $(other_arch) sampler/snapshot.c,$(wildcard interpose/*.c sampler/*.c))
reader_sources := sampler/snapshot.c $(wildcard leakcheck/*.c exporter/*.c)
protos      := $(wildcard exporter/proto/*.proto)
lib_objects := $(lib_sources:%.c=$(B)/lib/%.o)
proto_sources := $(protos:%.proto=$(B)/%.pb-c.c)
reader_objects := $(reader_sources:%.c=$(B)/reader/%.o) $(proto_sources:$(B)/%.c=$(B)/reader/gen/%.o)
# What unit tests link: everything of the reader but main, everything of the
# library but the hooks themselves.
test_reader_objects := $(filter-out $(B)/reader/exporter/main.o,$(reader_objects))
test_lib_objects := $(filter $(B)/lib/sampler/%,$(lib_objects))
unit_tests  := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*_test.c))
# Programs that bats tests run under the library.
preload_programs := $(patsubst %.c,$(B)/%,$(wildcard tests/preload/*.c)) \
	$(patsubst %.cc,$(B)/%,$(wildcard tests/preload/*.cc))

.PHONY: all help test
.DEFAULT_GOAL := all
all: $(B)/heaptide $(B)/libheaptide.so ## build build/heaptide and build/libheaptide.so

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

$(B)/libheaptide.so: $(lib_objects) interpose/exports.map
	$(CC) $(LIB_LDFLAGS) -o $@ $(lib_objects)

$(B)/heaptide: $(reader_objects)
	$(CC) $(SANFLAGS) -o $@ $(reader_objects) $(READER_LIBS)

$(B)/lib/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) -c -o $@ $<

$(B)/reader/%.o: %.c | $(proto_sources)
	@mkdir -p $(@D)
	$(CC) $(READER_CFLAGS) $(SANFLAGS) -c -o $@ $<

$(B)/reader/gen/%.o: $(B)/%.c
	@mkdir -p $(@D)
	$(CC) $(filter-out -W%,$(READER_CFLAGS)) $(SANFLAGS) -c -o $@ $<

$(B)/%.pb-c.c: %.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=exporter/proto --c_out=$(B)/exporter/proto $<

# A unit test of a reader's file links the reader; of a sampler's, the sampler.
$(B)/tests/unit/%_test: tests/unit/%_test.c $(test_reader_objects) $(test_lib_objects)
	@mkdir -p $(@D)
	$(CC) $(READER_CFLAGS) $(shell pkg-config --cflags check) $(SANFLAGS) -o $@ $< \
		$(if $(wildcard exporter/$*.c leakcheck/$*.c)$(filter snapshot,$*),$(test_reader_objects),$(test_lib_objects) $(B)/reader/sampler/snapshot.o) \
		$(READER_LIBS) $(shell pkg-config --libs check) -ldl -lpthread

$(B)/tests/preload/%: tests/preload/%.c
	@mkdir -p $(@D)
	$(CC) $(COMMON) -O1 -fno-builtin -o $@ $< -ldl -lpthread

$(B)/tests/preload/%: tests/preload/%.cc
	@mkdir -p $(@D)
	$(CC:gcc=g++) -std=gnu++17 -O1 -g -MMD -MP -fno-builtin -o $@ $< -ldl -lpthread

test: all $(unit_tests) $(preload_programs) ## unit, preload and end-to-end tests
	prove $(unit_tests) $(wildcard tests/preload/*.bats tests/e2e/*.bats)

clean: ## remove everything that was built
	rm -rf build build-*

-include $(shell find $(B) -name '*.d' 2>/dev/null)
