# SPDX-License-Identifier: Apache-2.0
#
# Libraries that come and go: each allocation is named after the library that
# made it, whatever else was at its address before or after.
bats_require_minimum_version 1.5.0
load ../test_helper

setup() {
	heaptide_setup
	export HEAPTIDE_INTERVAL=1
	red=$programs/red_plugin.so
	blue=$programs/blue_plugin.so
}

# allocated FRAME: the bytes that stacks through this frame have allocated.
allocated() {
	"$heaptide" export --format folded --metric alloc_space -o - |
		awk -v frame="$1" '(";" $0) ~ ";" frame "[; ]" { sum += $NF } END { print sum + 0 }'
}

# modules REGEX: how many modules with such a file's name were recorded.
modules() {
	"$heaptide" export --format json -o - | jq --arg name "/$1\$" '[.modules[].path | select(test($name))] | length'
}

@test "two libraries that take turns at one address are told apart" {
	preloaded "$programs/modules" turns 50 "$red" "$blue"
	[ "$(allocated red_keep)" -eq 50000 ]
	[ "$(allocated blue_keep)" -eq 50000 ]
}

@test "the unwinder follows the library that is there now" {
	preloaded "$programs/modules" turns 50 "$red" "$blue"
	run "$heaptide" export --format folded --metric alloc_space -o -
	expect_output ';main;turns;keep;red_keep 50000$'
	expect_output ';main;turns;keep;blue_keep 50000$'
}

@test "code in the place of a library that was closed is not named after it" {
	preloaded "$programs/modules" jit "$red"
	[ "$(allocated red_keep)" -eq 2000 ]
	[ "$(allocated '\[anon\]\+0x[0-9a-f]+')" -eq 1000 ]
}

@test "a library without a build id that comes back is one library" {
	gcc -shared -fPIC -O1 -Wl,--build-id=none -o none.so "$BATS_TEST_DIRNAME/red_plugin.c"
	preloaded "$programs/modules" turns 50 "$PWD/none.so" "$PWD/none.so"
	[ "$(allocated red_keep)" -eq 100000 ]
	[ "$(modules none.so)" -eq 1 ]
}

@test "a thousand libraries are all known" {
	local n

	mkdir plugins
	for n in {0001..1000}; do
		cp "$red" "plugins/$n.so"
	done
	preloaded "$programs/modules" all plugins/*.so
	[ "$(allocated red_keep)" -eq 1000000 ]
	[ "$(modules '[0-9]{4}[.]so')" -eq 1000 ]
}

@test "four threads that open and close libraries lose no allocation" {
	local n

	mkdir plugins
	for n in 1 2 3 4; do
		cp "$red" "plugins/red$n.so"
		cp "$blue" "plugins/blue$n.so"
	done
	run timeout 60 env LD_PRELOAD="$library" "$programs/modules" storm 1000 plugins/*.so
	expect_status 0
	[ "$(allocated red_keep)" -eq 2000000 ]
	[ "$(allocated blue_keep)" -eq 2000000 ]
}

@test "four threads that open and close libraries are sampled as well" {
	HEAPTIDE_INTERVAL=4K run timeout 60 env LD_PRELOAD="$library" \
		"$programs/modules" storm 1000 "$red" "$blue"
	expect_status 0
	run "$heaptide" report
	expect_status 0
	expect_output 'keep'
}
