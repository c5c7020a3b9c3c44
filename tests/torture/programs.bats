#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Real programs that come to an end by themselves: same output, same exit status.

load ../test_helper
load torture

@test "sqlite3" {
	need sqlite3
	same sqlite3 :memory: "
		create table t(a integer primary key, b text);
		with recursive c(i) as (select 1 union all select i+1 from c where i<$(load_of 20000 500000))
			insert into t select i, printf('%d of many', i * 7919 % 10007) from c;
		create index tb on t(b);
		select b, count(*), group_concat(a) from t group by b order by b limit 20;
		select count(distinct b), sum(length(b)) from t;
		select * from no_such_table;"
}

@test "python3, with threads and children" {
	need python3
	same "$(debian python3)" -c "
import hashlib, json, multiprocessing, subprocess, threading
def work(n):
    rows = [{'a': i, 'b': str(i) * 3} for i in range(n)]
    return hashlib.md5(json.dumps(rows).encode()).hexdigest()
found = []
threads = [threading.Thread(target=lambda n=n: found.append(work(n))) for n in range(2000, 2008)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(found))
with multiprocessing.Pool(2) as pool:
    print(pool.map(work, range(100, 110)))
print(subprocess.run(['sh', '-c', 'echo out; echo err >&2; exit 7'], capture_output=True))
"
}

# Times and the order of tests that run beside each other are not compared.
python_tests() {
	profiled /usr/bin/python3 -m test -j1 --timeout 500 "$@" -i test_*rlimit* >log 2>&1
	local status=$?

	grep -E '^(test_[a-z_]+ (failed|skipped|crashed)|FAIL:|ERROR:|All [0-9]+ tests|[0-9]+ tests? (OK|failed))' log | sort
	return $status
}

@test "python3's own tests of threads, processes and ctypes" {
	[ -e /usr/lib/python3.11/test/test_subprocess.py ] ||
		skip "libpython3.11-testsuite is not installed"
	if is_long; then
		same python_tests test_threading test_subprocess test_multiprocessing_fork test_ctypes \
			test_thread test_threading_local test_concurrent_futures test_gc test_weakref
	else
		same python_tests test_ctypes test_thread test_threading_local
	fi
}

@test "node, with worker threads" {
	need node
	same "$(debian node)" -e "
const { Worker } = require('worker_threads'), crypto = require('crypto');
const code = 'const { parentPort, workerData } = require(\"worker_threads\");' +
	'let a = []; for (let i = 0; i < $(load_of 20000 500000); i++) a.push({ i, s: \"x\" + i * workerData });' +
	'parentPort.postMessage(JSON.stringify(a).length)';
Promise.all([1, 2, 3, 4].map(workerData => new Promise((done, failed) => {
	const worker = new Worker(code, { eval: true, workerData });
	worker.on('message', done); worker.on('error', failed);
}))).then(all => {
	console.log(all, crypto.createHash('sha256').update(Buffer.alloc(1 << 20)).digest('hex'));
	process.exit(3);
});"
}

java_threads() {
	cat >Threads.java <<'END'
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;

public class Threads {
	public static void main(String[] arguments) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(8);
		List<Future<Long>> found = new ArrayList<>();
		for (int n = 0; n < 64; n++) {
			final int seed = n;
			found.add(pool.submit(() -> new Random(seed).ints(50000).boxed()
				.collect(Collectors.groupingBy(i -> i % 1000, TreeMap::new, Collectors.counting()))
				.values().stream().mapToLong(Long::longValue).max().getAsLong()));
		}
		for (Future<Long> each : found)
			System.out.print(each.get() + " ");
		pool.shutdown();
		java.nio.ByteBuffer[] direct = new java.nio.ByteBuffer[200];
		for (int i = 0; i < 2000; i++)
			direct[i % 200] = java.nio.ByteBuffer.allocateDirect(10000);
		System.exit(5);
	}
}
END
	profiled java -Xmx256m Threads.java
}

@test "java, with threads, its compiler included" {
	only_long
	need java
	same java_threads
}

@test "perl" {
	need perl
	same perl -e '
my %h; $h{$_} = "x$_" x 3 for 1 .. 50000;
my $sum = 0; $sum += length $h{$_} for sort keys %h; print "$sum\n";
for my $n (1 .. 20) { my $pid = fork; if (!$pid) { my @a = map { $_ * $n } 1 .. 1000; exit $n } waitpid $pid, 0; print $? >> 8, "\n" }
print join(",", (sort { $a <=> $b } map { s/1/2/gr } keys %h)[0 .. 20]), "\n"; die "the end"'
}

@test "ruby, with threads" {
	need ruby
	same ruby -e '
all = (1..8).map { |n| Thread.new { (1..20000).map { |i| (i * n).to_s }.join.hash.class.to_s + n.to_s } }
puts all.map(&:value)
GC.start; puts `echo from a child`; puts (1..50000).map(&:to_s).join.size; abort "the end"'
}

@test "lua" {
	need lua5.4
	same lua5.4 -e 't = {} for i = 1, 100000 do t[i] = "x" .. i end
		local co = {} for i = 1, 1000 do co[i] = coroutine.wrap(function() for j = 1, 10 do coroutine.yield(j) end end) end
		local sum = 0 for j = 1, 10 do for i = 1, 1000 do sum = sum + co[i]() end end print(#t, sum) error("the end", 0)'
}

git_story() {
	export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b \
		GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z' \
		GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
	local n

	profiled git init -q -b main origin
	for n in $(seq "$(load_of 5 40)"); do
		cp -r "$repository"/{sampler,interpose} origin
		sed -i "1s/^/\/* $n *\/\n/" origin/*/*.c
		profiled git -C origin add .
		profiled git -C origin commit -q -m "number $n"
	done
	profiled git clone -q "file://$PWD/origin" copy
	profiled git -C copy -c gc.autoDetach=false gc -q --aggressive
	profiled git -C copy fsck --no-progress
	profiled git -C copy log --stat -p
	profiled git -C copy blame sampler/sampler.c
	profiled git -C copy rev-parse HEAD
	profiled git -C copy checkout -q no-such-branch
}

@test "git: commit, clone, gc, log, blame" {
	need git
	same git_story
}

# build COMPILER: part of heaptide, or all of the library.
build() {
	local goals=(out/lib/sampler/{sampler,ledger,lock,budget}.o)

	cp -r "$repository"/{Makefile,interpose,sampler} .
	is_long && goals=(out/libheaptide.so)
	profiled make -s -j2 CC="$1" B=out "${goals[@]}"
	find out -name '*.o' -o -name '*.so' | sort | xargs md5sum
	echo 'int main(void) { return undeclared; }' >wrong.c
	profiled "$1" -c wrong.c
}

@test "gcc, building with make -j2" {
	same build gcc
}

@test "clang, building with make -j2" {
	need clang
	same build clang
}

@test "a C++ compiler and the templates of its library" {
	need g++
	echo '#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
int main() { std::map<std::string, std::vector<int>> m; m["a"].push_back(std::regex_match("ab", std::regex("a.")));
	for (auto &[k, v] : m) std::cout << k << v.at(0) << std::endl; return m["a"].at(7); }' >"$BATS_TEST_TMPDIR/t.cc"
	# shellcheck disable=SC2317 # called by same
	compile() {
		profiled g++ -O1 -std=c++17 "$BATS_TEST_TMPDIR/t.cc" -o t && md5sum t
		{ profiled ./t; } 2>/dev/null || echo $?
	}
	same compile
}

@test "gdb, and the program that it runs" {
	need gdb
	# shellcheck disable=SC2317 # called by same
	debug() {
		profiled gdb -nx -q -batch -ex 'set print address off' -ex 'break usleep' -ex run -ex bt -ex continue \
			-ex 'info symbol main' --args "$HEAPTIDE_BUILD/tests/torture/hostile" sleepers 2>&1 |
			sed 's/process [0-9]*/process/'
	}
	same debug
}

@test "bash, with a thousand forks" {
	same bash -c '
for ((i = 0; i < '"$(load_of 300 1000)"'; i++)); do x=$(echo $i); s=$((s + x)); done; echo $s
for ((i = 0; i < 100; i++)); do (exit $((i % 7))) & done; wait; seq 1000 | sort -n | tail -1; exit 9'
}

@test "tar, gzip, xz, sort and awk in a pipeline" {
	# shellcheck disable=SC2317 # called by same
	pipeline() {
		profiled tar cf - --sort=name --mtime=@0 -C "$repository" sampler exporter | profiled xz -T2 -1 |
			profiled xz -d | profiled gzip -n | profiled md5sum
		profiled sort --parallel=4 -S 200K "$repository"/exporter/*.c | profiled awk '{ n[$1]++ } END { for (w in n) s += n[w]; print s }'
	}
	same pipeline
}

@test "rustc" {
	only_long
	need rustc
	echo 'use std::collections::BTreeMap; use std::thread;
fn main() { let all: Vec<_> = (0..8u64).map(|n| thread::spawn(move || {
	let mut map = BTreeMap::new(); for i in 0..10000u64 { map.insert(i * 7919 % 10007, format!("{i}")); }
	map.values().map(|s| s.len() as u64).sum::<u64>() + n })).collect();
	for each in all { println!("{}", each.join().unwrap()); } std::process::exit(4) }' >"$BATS_TEST_TMPDIR/t.rs"
	# shellcheck disable=SC2317 # called by same
	compile() {
		profiled rustc -O "$BATS_TEST_TMPDIR/t.rs" -o t && profiled ./t
	}
	same compile
}

@test "ffmpeg" {
	only_long
	need ffmpeg
	same ffmpeg -nostdin -v error -threads 4 -f lavfi -i testsrc=duration=2:size=320x240:rate=25 -f framemd5 -
}

@test "ImageMagick" {
	need convert
	# shellcheck disable=SC2317 # called by same
	picture() {
		profiled convert -size 300x200 plasma:fractal -seed 1 -blur 0x2 -resize 50% plain.ppm
		profiled convert -size 300x200 gradient:red-blue -swirl 90 -blur 0x3 rgb:- | md5sum
		profiled convert no-such-file.png x.jpg 2>&1 | sed 's/@.*//'
	}
	same picture
}

@test "chromium --headless" {
	only_long
	need chromium
	# What it logs of buses and screens that are not there changes from run to run.
	# shellcheck disable=SC2317 # called by same
	browse() {
		echo '<p id=x>0</p><script>let a=[];for(let i=0;i<1e5;i++)a.push("n"+i);x.textContent=a.join().length</script>' >page.html
		profiled timeout 120 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$PWD/data" \
			--dump-dom "file://$PWD/page.html" 2>/dev/null
	}
	same browse
}

@test "over jemalloc, tcmalloc and mimalloc" {
	local behind

	need git
	for behind in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
		LD_PRELOAD=$behind true 2>&1 | grep -q . && continue
		same git -C "$repository" diff --no-index --stat sampler exporter
		same bash -c 'for i in 1 2 3 4 5 6 7 8 9; do echo $(echo $i); done'
		same "$(debian python3)" -c 'import json, threading; print(len(json.dumps(list(range(30000)))))'
	done
}
