/*
 * Eight threads throw through the hooks' frames and through one another's
 * allocations: bad_alloc from operator new, and what a new handler throws.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static std::atomic<int> caught, handled;
static thread_local bool handler_throws;

static void handler()
{
	if (handler_throws)
		throw std::runtime_error("from the new handler, long enough to allocate");
	throw std::bad_alloc();
}

static void fail(int depth)
{
	const std::string local(100 + depth, 'x');

	if (depth > 0)
		fail(depth - 1);
	else
		operator delete(operator new(PTRDIFF_MAX - 1 - local.size()));
}

static void turn(int i)
{
	handler_throws = i % 2;
	try {
		fail(i % 20);
	} catch (const std::bad_alloc &) {
		caught++;
	} catch (const std::runtime_error &error) {
		handled += std::string(error.what()).size() > 20;
	}
}

int main()
{
	std::vector<std::thread> threads;

	std::set_new_handler(handler);
	for (int n = 0; n < 8; n++)
		threads.emplace_back([] {
			for (int i = 0; i < 500; i++)
				turn(i);
		});
	for (std::thread &each : threads)
		each.join();
	std::printf("%d %d\n", caught.load(), handled.load());
	return 0;
}
