/*
 * A C++ program with templates and containers, for the names in exported files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <map>
#include <string>
#include <vector>

template <typename Key> static __attribute__((noinline)) void fill(std::map<Key, std::string> &map)
{
	for (int i = 0; i < 100; i++)
		map[Key(i)] = std::string(200, 'x');
}

int main()
{
	/* Never freed, not even at exit. */
	auto &kept = *new std::map<long, std::string>;
	auto &rows = *new std::vector<std::vector<int>>;

	fill(kept);
	for (int i = 0; i < 50; i++)
		rows.emplace_back(100, i);
	return 0;
}
