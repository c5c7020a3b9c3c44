#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# `heaptide run` stands in for the program: what goes in, what comes out, and
# how it ends are the program's.

bats_require_minimum_version 1.5.0
load ../test_helper

setup() {
	heaptide_setup
	export HEAPTIDE_SEED=1
}

@test "the exit status is the program's" {
	for code in 0 1 2 42 126 127 255; do
		run "-$code" "$heaptide" run -- sh -c "exit $code"
	done
}

@test "a signal that ends the program becomes 128 plus its number" {
	for signal in TERM:143 KILL:137 SEGV:139 INT:130 ABRT:134 PIPE:141; do
		run "$heaptide" run -- sh -c "ulimit -c 0; kill -${signal%:*} \$\$"
		expect_status "${signal#*:}"
	done
}

@test "standard input and output pass through unchanged" {
	head -c 300000 /dev/urandom >input
	"$heaptide" run --interval 1 -- cat <input >output 2>verdict
	cmp input output
}

@test "everything that is said goes to stderr" {
	run --separate-stderr "$heaptide" run --interval 1 -- echo hello
	[ "$output" = hello ]
	[[ $stderr == *"echo ("* ]]
}

@test "arguments after the program are the program's" {
	run --separate-stderr "$heaptide" run echo --interval x -- --help -o
	[ "$output" = "--interval x -- --help -o" ]
	run --separate-stderr "$heaptide" run -- echo -- -q
	[ "$output" = "-- -q" ]
}

@test "descriptors, directory, ignored signals and the signal mask are the program's" {
	trap '' USR2
	plain=$(grep -E '^Sig(Blk|Ign)' /proc/self/status 7</dev/null)
	run --separate-stderr "$heaptide" run -- grep -E '^Sig(Blk|Ign)' /proc/self/status
	trap - USR2
	[ "$output" = "$plain" ]
	run --separate-stderr "$heaptide" run -- sh -c 'pwd; cat <&7' 7< <(echo seven)
	[ "$output" = "$PWD"$'\n'seven ]
	plain=$(ls /proc/self/fd 7</dev/null | wc -l)
	run --separate-stderr "$heaptide" run -- ls /proc/self/fd 7</dev/null
	[ "$(wc -l <<<"$output")" -eq "$plain" ]
}

@test "closed standard descriptors stay closed" {
	"$heaptide" run -q --interval 1 -o out.pb.gz -- sh -c 'ls /proc/self/fd >listed' <&- >&- 2>&-
	run grep -x 2 listed
	expect_status 1
	gzip -t out.pb.gz
	"$heaptide" run -o other.pb.gz -- "$programs/holder" 16 <&- >&- 2>&-
	gzip -t other.pb.gz
}

@test "a signal sent to heaptide reaches the program once" {
	"$heaptide" run -q -- "$programs/receiver" >got &
	wait_until grep -q ready got
	for signal in HUP INT QUIT TERM USR1 USR2 WINCH ALRM PIPE URG IO PROF RTMIN+3 RTMAX; do
		kill -s "$signal" $!
		[ "$signal" = RTMAX ] ||
			wait_until grep -q "^$(kill -l "$signal") 0 " got
	done
	status=0
	wait $! || status=$?
	expect_status 9
	[ "$(wc -l <got)" -eq 14 ]
}

@test "the value that comes with a signal is passed on" {
	"$heaptide" run -q -- "$programs/receiver" >got &
	wait_until grep -q ready got
	env kill -q 77 -s RTMIN+1 $!
	wait_until grep -q "^$(kill -l RTMIN+1) -1 77$" got
	kill -s RTMAX $!
}

@test "a program that is not there is 127, one that cannot be executed 126" {
	run -127 "$heaptide" run -- no-such-program
	expect_output '^heaptide run: there is no program no-such-program in PATH'
	run -127 "$heaptide" run -- ./no-such-program
	echo text >plain
	run "$heaptide" run -- ./plain
	expect_status 126
	expect_output 'cannot execute ./plain: Permission denied'
	run "$heaptide" run -- /
	expect_status 126
	[ "${#lines[@]}" -eq 1 ]
}

@test "a program without its interpreter is 127 in words of its own" {
	printf '#!/no/such/interpreter\n' >script
	chmod +x script
	run -127 "$heaptide" run -- ./script
	expect_output 'cannot execute ./script: the interpreter or loader it names is not there'
}

@test "a script without #! runs as under a shell" {
	echo 'echo from a script' >script
	chmod +x script
	run --separate-stderr "$heaptide" run -- ./script
	[ "$output" = "from a script" ]
}

@test "a wrong option is one line that says what would be right, and status 2" {
	while IFS='|' read -r arguments words; do
		# shellcheck disable=SC2086
		run "$heaptide" run $arguments -- sh -c 'echo ran'
		expect_status 2
		[ "${#lines[@]}" -eq 1 ]
		expect_output "$words"
	done <<-'EOF'
		--interval abc|--interval wants a number of bytes such as 512K.*not 'abc'
		--interval 0|from 1 to 1T
		--interval 10X|--interval wants
		--interval=-5|--interval wants
		--depth 0|--depth wants a whole number from 1 to 512
		--unwinder magic|--unwinder wants one of tables.fp.libunwind; not 'magic'
		--start maybe|one of off.on
		--budget 1K|from 1M to 1T, or auto
		--intervall 5|no option --intervall; did you mean --interval
		--nonsense|no option --nonsense; .heaptide run --help. lists them
		-x|there is no option -x
		--quiet=yes|--quiet takes no value
		--every 10|a time with its unit
		-o /no/such/folder/p.gz|cannot write in /no/such/folder: No such file
	EOF
	run "$heaptide" run --interval
	expect_status 2
	expect_output 'wants a value'
	run "$heaptide" run
	expect_status 2
	expect_output 'something is missing: heaptide run'
}

@test "a bad setting in the environment is said once and the program runs" {
	export HEAPTIDE_INTERVAL=often
	run "$heaptide" run -- sh -c 'echo "interval=$HEAPTIDE_INTERVAL"'
	expect_status 0
	expect_output '^interval=$'
	[ "$(grep -c 'HEAPTIDE_INTERVAL=often is ignored: it wants a number of bytes' <<<"$output")" -eq 1 ]
}

@test "settings reach the program, from options before the environment" {
	export HEAPTIDE_DEPTH=7 HEAPTIDE_INTERVAL=9
	run "$heaptide" run --interval 64K --dir . --unwinder fp -- env
	expect_output '^HEAPTIDE_INTERVAL=65536$'
	expect_output '^HEAPTIDE_DEPTH=7$'
	expect_output '^HEAPTIDE_UNWINDER=fp$'
	expect_output "^HEAPTIDE_DIR=$PWD$"
}

@test "what is preloaded already stays" {
	LD_PRELOAD=/lib/x86_64-linux-gnu/libm.so.6 run "$heaptide" run -- env
	expect_output "^LD_PRELOAD=$library:/lib/x86_64-linux-gnu/libm.so.6$"
	LD_PRELOAD=$library run "$heaptide" run -- env
	expect_output "^LD_PRELOAD=$library$"
}

@test "the verdict names the function, the errors, the cost, the file and the next step" {
	run --separate-stderr "$heaptide" run --interval 64K -- "$programs/holder" 32 </dev/null
	expect_status 0
	[ "${#stderr_lines[@]}" -le 25 ]
	output=$stderr
	expect_output '^heaptide: holder \([0-9]+\) ended with status 0 \(one sample per 64.0 KiB'
	expect_output '^allocated 3[0-9.]+ MiB \+/- [0-9.]+ % in [0-9]+ objects'
	expect_output '^peak, .* after the first sample: '
	expect_output '^live at exit: '
	expect_output 'MiB .* hold_block'
	expect_output '^seen: 100 % of the samples due'
	expect_output "^profiler's own cost: .* CPU .*, .* memory$"
	expect_output '^profile: heaptide.holder.[0-9]+.pb.gz'
	expect_output "^next: heaptide report --dir $HEAPTIDE_DIR [0-9]+$"
	eval "$(sed -n 's/^next: heaptide/run "$heaptide"/p' <<<"$stderr")"
	expect_status 0
	expect_output hold_block
}

@test "exact mode says so and shows no errors" {
	run "$heaptide" run --interval 1 -- "$programs/holder" 4 </dev/null
	expect_output 'every allocation was recorded'
	refute_output '\+/-'
	expect_output '^live at exit: 4\.0[0-9] MiB'
}

@test "the profile is complete and readable" {
	need gzip
	"$heaptide" run -o out.pb.gz -- "$programs/holder" 64 </dev/null
	gzip -t out.pb.gz
	[ "$(find . -type f | wc -l)" -eq 1 ]
	if command -v go >/dev/null; then
		run go tool pprof -top -sample_index=alloc_space out.pb.gz
		expect_status 0
		expect_output hold_block
	fi
}

@test "an existing profile is replaced by a whole one" {
	echo old >out.pb.gz
	"$heaptide" run -q -o out.pb.gz -- "$programs/holder" 16 </dev/null
	gzip -t out.pb.gz
}

@test "when the profile cannot be written it is said and the status stays" {
	need_root
	"$heaptide" run --interval 1 -o /dev/full -- sh -c 'exit 5' 2>said && status=0 || status=$?
	expect_status 5
	grep -q 'cannot write the profile to /dev/full: No space left on device; .*heaptide export' said
}

@test "quiet says nothing but writes the profile" {
	run "$heaptide" run -q -o out.pb.gz -- "$programs/holder" 16 </dev/null
	expect_status 0
	[ "$(grep -vc '^ready' <<<"$output")" -eq 0 ]
	gzip -t out.pb.gz
}

@test "a program that allocates next to nothing is told what would show more" {
	run "$heaptide" run --interval 1G -- true
	expect_status 0
	[ "${#lines[@]}" -eq 1 ]
	expect_output 'nothing was sampled: true allocated too little.*heaptide run --interval 1 -- true'
	run segments
	[ -z "$output" ]
}

@test "a directory that cannot be written to is said and the program runs" {
	run "$heaptide" run --dir /proc -- sh -c 'echo ran; exit 3'
	expect_status 3
	expect_output '^ran$'
	expect_output 'nothing can be recorded: cannot write in /proc: .*--dir'
}

@test "a limit of file sizes that leaves no room is said and the program runs" {
	run bash -c "ulimit -f 8; '$heaptide' run -- sh -c 'echo ran; exit 3' 2>&1 | cat
		exit \${PIPESTATUS[0]}"
	expect_status 3
	expect_output '^ran$'
	expect_output 'nothing can be recorded: .*ulimit -f'
}

@test "a program killed by SIGKILL gets its verdict" {
	mkfifo control
	"$heaptide" run -o killed.pb.gz -- "$programs/holder" 16 <control >told 2>said &
	exec 9>control
	wait_until grep -q ready told
	kill -KILL "$(sed -n 's/ready //p' told)"
	status=0
	wait $! || status=$?
	expect_status 137
	output=$(cat said)
	expect_output '^heaptide: holder .* was killed by signal 9'
	expect_output 'hold_block'
	gzip -t killed.pb.gz
}

@test "several processes make a table, the largest first" {
	run --separate-stderr "$heaptide" run -o out.pb.gz -- sh -c '
		"$0" 4 </dev/null; "$0" 64 </dev/null; "$0" 8 </dev/null' "$programs/holder"
	[ "${#stderr_lines[@]}" -le 25 ]
	output=$stderr
	expect_output '^3 processes were profiled:$'
	[[ $(grep -A 2 'process  *command' <<<"$stderr" | sed -n 2p) =~ holder\ +6[0-9.]+\ MiB ]]
	expect_output '^heaptide: holder .*the largest of 3 processes; the program ended with status 0'
}

@test "another run in the same directory is not in the table" {
	"$heaptide" run -q -o a.pb.gz -- "$programs/holder" 200 </dev/null
	run "$heaptide" run -o b.pb.gz -- "$programs/holder" 16 </dev/null
	refute_output 'processes were profiled'
	expect_output '^allocated 1[0-9.]+ MiB'
}

@test "--no-children profiles the program only" {
	run "$heaptide" run --no-children --interval 1 -o out.pb.gz -- bash -c '
		x=$(echo forked); "$0" 8 </dev/null; true' "$programs/holder"
	expect_status 0
	expect_output '^heaptide: bash '
	[ "$(segments | wc -l)" -eq 1 ]
}

@test "--progress prints heartbeats while the program runs" {
	mkfifo control
	"$heaptide" run --progress --every 20ms -o out.pb.gz -- "$programs/holder" 32 <control 2>said &
	exec 9>control
	wait_until grep -qE '^heaptide run: holder \([0-9]+\): heap [23][0-9.]+ MiB, peak .* MiB, allocated .* MiB, .*/s$' said
	exec 9>&-
	wait $!
	grep -q '^allocated' said
}
