/*
 * Allocates while C++ exceptions are thrown, pass through frames with
 * destructors, and are caught: the C++ runtime walks the same stack at the time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace
{

struct guard {
	std::vector<std::string> words;
	~guard()
	{
		words.emplace_back("a word that is too long for the string's own room");
	}
};

[[gnu::noinline]] int descend(int level)
{
	guard here;

	here.words.emplace_back(std::string(40, 'x'));
	if (level == 0)
		throw std::runtime_error("out of the deep " + std::string(40, 'y'));
	return descend(level - 1) + 1;
}

[[gnu::noinline]] int rethrow(int level)
{
	try {
		return descend(level);
	} catch (const std::exception &) {
		guard handler;

		try {
			descend(2);
		} catch (const std::runtime_error &) {
			handler.words.emplace_back(std::string(50, 'z'));
		}
		throw;
	}
}

void work()
{
	for (int i = 0; i < 15; i++) {
		try {
			rethrow(i);
		} catch (...) {
			guard outermost;
		}
	}
}

} // namespace

int main()
{
	std::thread other(work);

	work();
	other.join();
	return 0;
}
