#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What libheaptide.so may ask of the program that it is preloaded into.

repository=$(cd "$(dirname "$BATS_TEST_FILENAME")/../.." && pwd)
library=${HEAPTIDE_BUILD:-$repository/build}/libheaptide.so

setup() {
	[ -f "$library" ]
}

@test "the library needs libc and nothing else" {
	local needed

	needed=$(readelf -dW "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
	echo "needs: $needed"
	# The loader itself is where glibc keeps _dl_find_object and TLS.
	[ -z "$(grep -vE '^(libc\.so\.6|ld-linux-.*)$' <<<"$needed")" ]
}

@test "the library exports the allocation symbols and nothing else" {
	local exported listed

	exported=$(nm -D --defined-only "$library" | awk '{print $3}' | sed 's/@.*//' | sort -u)
	# The first block of exports.map, without comments: one symbol each.
	listed='malloc|free|calloc|realloc|reallocarray|memalign|posix_memalign|aligned_alloc'
	listed+='|valloc|pvalloc|cfree|free_sized|free_aligned_sized'
	listed+='|(m|r|x|d|sd)allocx|_Zn[wa].*|_Zd[la].*'
	echo "$exported"
	[ -n "$exported" ]
	[ -z "$(grep -vE "^($listed)\$" <<<"$exported")" ]
}

@test "the library takes at most 64 bytes of static TLS" {
	local size

	size=$(readelf -lW "$library" | awk '$1 == "TLS" { print $6 }')
	echo "TLS: $size"
	[ -n "$size" ] && [ $((size)) -le 64 ]
}

@test "the library never calls __tls_get_addr" {
	! nm -D --undefined-only "$library" | grep -w __tls_get_addr
}

@test "the library uses no symbol newer than Debian 12's libc" {
	local newest

	newest=$(nm -D --undefined-only "$library" | sed -n 's/.*@GLIBC_//p' | sort -Vu | tail -1)
	echo "newest: $newest"
	[ "$(printf '%s\n2.36\n' "$newest" | sort -V | tail -1)" = 2.36 ]
}

@test "the library calls no stdio, no allocator and no loader lock" {
	local bad='f?printf|v?f?printf|snprintf|fopen|fwrite|puts|dl_iterate_phdr|dladdr1?|pthread_getattr_np'

	bad+='|pthread_key_create|sigaction|signal|malloc|calloc|realloc|syslog|getenv|exit|abort'
	run bash -c "nm -D --undefined-only '$library' | awk '{print \$2}' | sed 's/@.*//' | grep -xE '$bad'"
	echo "$output"
	[ -z "$output" ]
}

@test "the library has the probes otel_memory:alloc and otel_memory:free" {
	local probes

	probes=$(readelf -nW "$library" | awk '/Provider:/ { provider = $NF }
		/Name:/ { name = $NF } /Location:/ { semaphore = $NF }
		/Arguments:/ { print provider ":" name, NF - 1, semaphore != "0x0000000000000000" }' | sort)
	echo "$probes"
	[ "$probes" = "otel_memory:alloc 3 1
otel_memory:free 1 1" ]
}
