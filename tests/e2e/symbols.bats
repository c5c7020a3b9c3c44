# SPDX-License-Identifier: Apache-2.0
#
# Real binaries of every kind under the library, and the names that come out.
bats_require_minimum_version 1.5.0
load ../test_helper

setup() {
	heaptide_setup
	export HEAPTIDE_INTERVAL=1
	source=$BATS_TEST_DIRNAME/keeper.c
}

teardown() {
	[ -z "$server" ] || { kill "$server" && wait "$server" || true; }
	heaptide_teardown
}

# compile FLAG...: makes ./keeper.
compile() {
	gcc -O1 -fno-omit-frame-pointer "$@" -o keeper "$source"
}

# keep PROGRAM: runs it to its end.
keep() {
	preloaded "$@"
}

# keep_waiting COMMAND...: runs it until release is called.
keep_waiting() {
	mkfifo input
	"$@" <input >output &
	exec 5>input
	wait_until grep -q ready output
}

release() {
	exec 5>&-
	wait
}

# The stacks in use, one a line, with what they hold.
stacks() {
	run --separate-stderr "$heaptide" export --format folded --metric inuse_space -o - "$@"
	expect_status 0
}

# All three places are named.
expect_all_names() {
	expect_output '(^|;)main;keep_everything;keep_exported 1000$'
	expect_output '(^|;)main;keep_everything;keep_hidden 2000$'
	expect_output '(^|;)main;keep_everything 3000$'
}

# What the program exports is named, the rest has addresses.
expect_exported_names() {
	expect_output ';keep_everything;keep_exported 1000$'
	expect_output ';keep_everything;keeper\+0x[0-9a-f]+ 2000$'
	expect_output ';keep_everything 3000$'
}

expect_addresses() {
	expect_output ';keeper\+0x[0-9a-f]+;keeper\+0x[0-9a-f]+ 1000$'
	refute_output 'keep_'
}

@test "functions of a position-independent executable are named" {
	compile -pie -fPIE
	keep ./keeper
	stacks
	expect_all_names
}

@test "functions of an executable with a fixed address are named" {
	compile -no-pie
	keep ./keeper
	stacks
	expect_all_names
}

@test "functions are named from a binary that clang and lld made" {
	need clang ld.lld
	clang -O1 -fuse-ld=lld -o keeper "$source"
	keep ./keeper
	stacks
	expect_all_names
}

@test "a stripped binary names what it exports and gives addresses for the rest" {
	compile -rdynamic -s
	keep ./keeper
	stacks
	expect_exported_names
	[[ "$stderr" == *"keeper is stripped"* ]]
}

@test "a debug file beside a stripped binary is read" {
	compile
	objcopy --only-keep-debug keeper keeper.debug
	strip keeper
	objcopy --add-gnu-debuglink=keeper.debug keeper
	keep ./keeper
	stacks
	expect_all_names
}

# The build id of ./keeper.
build_id() {
	readelf -n keeper | sed -n 's/.*Build ID: //p'
}

@test "a debug file is found by build id, also without the binary" {
	local id

	compile
	id=$(build_id)
	mkdir -p "root/usr/lib/debug/.build-id/${id:0:2}"
	objcopy --only-keep-debug keeper "root/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug"
	strip keeper
	keep ./keeper
	stacks --sysroot root
	expect_all_names
	rm keeper
	stacks --sysroot root
	expect_all_names
}

@test "MiniDebugInfo in a stripped binary is read" {
	compile
	nm keeper --format=posix --defined-only | grep -E ' [Tt] ' | cut -d' ' -f1 >functions
	objcopy --only-keep-debug keeper debug
	objcopy -S --keep-symbols=functions debug mini 2>/dev/null
	xz mini
	strip keeper
	objcopy --add-section .gnu_debugdata=mini.xz keeper
	keep ./keeper
	stacks
	expect_all_names
}

@test "a binary that was replaced gives addresses and says so" {
	compile
	keep ./keeper
	compile -DANOTHER=1 -O0
	[ -x keeper ]
	stacks
	expect_addresses
	[[ "$stderr" == *"keeper is not the file that was loaded"* ]]
}

@test "a binary that was deleted gives addresses and says so" {
	compile
	keep ./keeper
	rm keeper
	stacks
	expect_addresses
	[[ "$stderr" == *"keeper cannot be read"* ]]
}

@test "while the process runs, its deleted or replaced binary is still read" {
	compile
	keep_waiting preloaded ./keeper wait
	rm keeper
	stacks
	expect_all_names
	compile -O0
	stacks
	expect_all_names
	release
}

@test "while the process runs, its deleted library is still read" {
	need_root
	gcc -O1 -shared -fPIC -Dmain=library_main -o libkeep.so "$source"
	echo 'int library_main(int, char **); int main(int n, char **v) { return library_main(n, v) + 1 - 1; }' |
		gcc -O0 -x c -o caller - -L. -lkeep -Wl,-rpath,"$PWD"
	keep_waiting preloaded ./caller wait
	rm libkeep.so
	stacks
	expect_output ';library_main;keep_everything;keep_hidden 2000$'
	release
}

# A folder that is complete enough to run ./keeper in.
make_container() {
	local file

	mkdir -p container/segments container/program container/proc
	cp keeper container/program/
	cp "$library" container/libheaptide.so
	for file in $(ldd keeper | grep -o '/[^ ]*'); do
		mkdir -p "container$(dirname "$file")"
		cp "$file" "container$file"
	done
	rm keeper
}

@test "a process in a container is named from the container's files" {
	need_root
	compile
	unshare --mount --pid --fork true || skip "no namespaces may be made"
	make_container
	keep_waiting unshare --mount --pid --fork --mount-proc="$PWD/container/proc" \
		env HEAPTIDE_DIR=/segments LD_PRELOAD=/libheaptide.so \
		chroot container /program/keeper wait
	stacks --dir container/segments
	expect_all_names
	release
}

@test "a process without /proc is named when its root is given" {
	need_root
	compile
	make_container
	env HEAPTIDE_DIR=/segments LD_PRELOAD=/libheaptide.so chroot container /program/keeper
	stacks --dir container/segments --sysroot container
	expect_all_names
}

@test "a segment of another machine is named from a sysroot" {
	compile
	keep ./keeper
	mkdir -p "copy$PWD" flat
	cp keeper "copy$PWD/"
	mv keeper flat/
	stacks --sysroot copy
	expect_all_names
	stacks --sysroot flat
	expect_all_names
	stacks
	expect_addresses
}

@test "a relative path still leads to the library after chdir" {
	gcc -O1 -shared -fPIC -o plugin.so "$source" -Dmain=unused
	cat >opener.c <<-'END'
		#include <dlfcn.h>
		#include <unistd.h>
		int main(void)
		{
			void *plugin = dlopen("./plugin.so", RTLD_NOW);
			if (!plugin || chdir("/") != 0)
				return 1;
			((void (*)(void))dlsym(plugin, "keep_everything"))();
			return 0;
		}
	END
	gcc -o opener opener.c
	keep ./opener
	stacks
	expect_output ';keep_everything;keep_hidden 2000$'
}

@test "lines and inlined functions come from debug information" {
	compile -g
	keep ./keeper
	stacks --lines
	expect_output ';keep_everything;keep_inlined 3000$'
	run --separate-stderr "$heaptide" export --format json --lines -o -
	expect_status 0
	expect_output '"[^"]*/keeper.c"'
	run "$heaptide" export --lines -o profile.pb.gz
	expect_status 0
	need go
	run go tool pprof -list keep_inlined -sample_index=inuse_space keeper profile.pb.gz
	expect_output '3000B +.*kept\[2\] = malloc\(3000\)|2.93kB.*kept\[2\] = malloc\(3000\)'
}

@test "every kind of debug information gives lines" {
	local compiler flags

	for compiler in gcc clang; do
		for flags in -gdwarf-4 -gdwarf-5 "-g -gz" "-g -gsplit-dwarf"; do
			# shellcheck disable=SC2086 # the flags are several words
			"$compiler" -O1 $flags -o keeper "$source"
			keep ./keeper
			echo "$compiler $flags"
			stacks --lines
			expect_output ';keep_everything;keep_inlined 3000$'
			rm keeper "$HEAPTIDE_DIR"/*
		done
	done
}

@test "names of C++ are demangled, overloads stay apart" {
	cat >cxx.cc <<-'END'
		#include <cstdlib>
		namespace tide {
		void *volatile kept[3];
		template <typename T> struct keeper {
			__attribute__((noinline)) void keep(T) { kept[0] = malloc(1000); kept[0] = kept[0]; }
			__attribute__((noinline)) void keep(T, int) { kept[1] = malloc(2000); kept[1] = kept[1]; }
		};
		}
		int main()
		{
			tide::keeper<double> k;
			k.keep(1);
			k.keep(1, 2);
			return 0;
		}
	END
	g++ -O1 -o cxx cxx.cc
	keep ./cxx
	stacks
	expect_output ';tide::keeper<double>::keep\(double\) 1000$'
	expect_output ';tide::keeper<double>::keep\(double, int\) 2000$'
}

@test "names of Rust are demangled" {
	need rustc
	cat >rust.rs <<-'END'
		mod tide {
		    #[inline(never)]
		    pub fn keep() -> Vec<u8> { Vec::with_capacity(12345) }
		}
		fn main() { std::mem::forget(tide::keep()); }
	END
	rustc -o rust rust.rs
	keep ./rust
	stacks
	expect_output ';rust::tide::keep(;.*)? 12345$'
	rustc -C symbol-mangling-version=v0 -o rust rust.rs
	keep ./rust
	stacks
	expect_output ';rust::tide::keep(;.*)? 12345$'
}

# Runs code of no module, which writes a perf map like a JIT compiler. The address
# of the copied function's code is the map's.
jit() {
	cat >jit.c <<-'END'
		#define _GNU_SOURCE
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/mman.h>
		#include <unistd.h>
		void *volatile kept;
		/* push %rbp; mov %rsp,%rbp; mov $4000,%edi; call *%rax; pop %rbp; ret */
		static const unsigned char code[] = {
			0x55, 0x48, 0x89, 0xe5, 0xbf, 0xa0, 0x0f, 0x00, 0x00, 0xff, 0xd0, 0x5d, 0xc3};
		int main(int argc, char **argv)
		{
			void *jit = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *block;
			char path[64];
			snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
			memcpy(jit, code, sizeof(code));
			FILE *map = fopen(path, "w");
			fprintf(map, "%lx %zx LazyCompile:~tide app.js:1\n", (long)jit, sizeof(code));
			fclose(map);
			__asm__ volatile("call *%1" : "=a"(block) : "r"(jit), "0"(malloc)
					 : "rdi", "rsi", "rdx", "rcx", "r8", "r9", "r10", "r11", "memory");
			kept = block;
			puts(path);
			return argc - 1;
		}
	END
	gcc -O1 -o jit jit.c
	map=$(preloaded ./jit)
}

@test "code of a JIT compiler is named by the perf map" {
	[ "$(uname -m)" = x86_64 ] || skip "the code of the test is x86-64"
	jit
	stacks
	rm "$map"
	expect_output 'LazyCompile:~tide app.js:1 4000$'
	stacks
	refute_output 'LazyCompile'
}

@test "a perf map that somebody else has put there is not believed" {
	[ "$(uname -m)" = x86_64 ] || skip "the code of the test is x86-64"
	need_root
	jit
	chown 12345 "$map"
	stacks
	rm "$map"
	refute_output 'LazyCompile'
	expect_output ' 4000$'
}

@test "JavaScript functions are named by node's own perf map" {
	need node
	cat >script.js <<-'END'
		function tideInner() { return Buffer.allocUnsafeSlow(3000); }
		function tideOuter() { const kept = []; for (let i = 0; i < 200; i++) kept.push(tideInner()); return kept; }
		tideOuter();
	END
	# node adds its PID to the name, so the map is this process's for certain.
	preloaded sh -c 'echo $$ >pid; exec node --perf-basic-prof --interpreted-frames-native-stack script.js'
	"$heaptide" export --format folded --metric alloc_space -o stacks
	rm "/tmp/perf-$(cat pid).map"
	grep -q 'tideOuter [^;]*script.js[^;]*;[^;]*tideInner [^;]*script.js' stacks
}

@test "the reader of a program of 100 MB stays below 30 MiB" {
	need node python3
	HEAPTIDE_INTERVAL=64K preloaded node -e 'for (let i = 0; i < 1000; i++) Buffer.allocUnsafeSlow(50000)'
	run python3 -c '
import resource, subprocess, sys
subprocess.run([sys.argv[1], "export", "-o", "profile.pb.gz"], check=True, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, "KiB")
' "$heaptide"
	expect_status 0
	echo "$output"
	[ "${output% KiB}" -lt $((30 * 1024)) ]
}

# Has the server found the debug information of this build id? A client remembers
# for minutes what it did not get, so each question comes from a new one.
serves() {
	kill -0 "$server" || return 0 # its port was taken
	DEBUGINFOD_CACHE_PATH=$(mktemp -d -p .) debuginfod-find debuginfo "$1" >/dev/null 2>&1
}

# Serves the debug information below ./served and waits until it has been found.
serve_debug_information() {
	local attempt

	for attempt in 1 2 3; do
		port=$((20000 + RANDOM % 20000))
		debuginfod -d :memory: -p "$port" -F served >server.log 2>&1 &
		server=$!
		DEBUGINFOD_URLS=http://127.0.0.1:$port wait_until serves "$1"
		kill -0 "$server" && break
		server=
	done
	cat server.log
	[ -n "$server" ]
}

@test "debuginfod is asked when DEBUGINFOD_URLS is set" {
	need debuginfod debuginfod-find
	local id

	compile -g
	id=$(build_id)
	mkdir served
	objcopy --only-keep-debug keeper served/keeper.debug
	strip keeper
	keep ./keeper
	serve_debug_information "$id"
	stacks
	refute_output 'keep_hidden'
	export DEBUGINFOD_URLS=http://127.0.0.1:$port DEBUGINFOD_CACHE_PATH=$PWD/cache
	stacks --lines
	expect_output ';keep_everything;keep_inlined 3000$'
	expect_output ';keep_everything;keep_hidden 2000$'
}
