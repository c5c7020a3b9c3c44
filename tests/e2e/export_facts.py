"""Facts of exported files, one "number name" a line, sorted by name, so that two
programs' answers can be compared with diff.

SPDX-License-Identifier: Apache-2.0
"""
import json
import re
import sys


def show(amounts):
    for name in sorted(amounts):
        if amounts[name]:
            print(amounts[name], name)


def report(path, view, unit):
    """Flat amounts by function of `heaptide report --format json --by function`."""
    tables = json.load(open(path))["tables"]
    rows = next(t["rows"] for t in tables if t["view"] == view and t["by"] == "function")
    show({row["name"]: row["flat"][unit] for row in rows})


def top(path):
    """Flat amounts of `pprof -top`: flat, flat%, sum%, cum, cum%, name."""
    amounts = {}
    for line in open(path):
        match = re.match(r" *(\d+)B? +\S+% +\S+% +\d+B? +\S+% +(.*?)(?: \(inline\))?$", line)
        if match:
            amounts[match[2]] = amounts.get(match[2], 0) + int(match[1])
    show(amounts)


def folded(path):
    """Flat amounts: what the last function of each line has."""
    amounts = {}
    for line in open(path):
        stack, number = line.rstrip("\n").rsplit(" ", 1)
        leaf = stack.rsplit(";", 1)[-1]
        amounts[leaf] = amounts.get(leaf, 0) + int(number)
    show(amounts)


def speedscope(path, metric):
    """Checks the file against the rules of its schema, then flat amounts."""
    document = json.load(open(path))
    frames = document["shared"]["frames"]
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert 0 <= document["activeProfileIndex"] < len(document["profiles"])
    for frame in frames:
        assert isinstance(frame["name"], str)
        assert isinstance(frame.get("file", ""), str)
        assert isinstance(frame.get("line", 0), int)
    for profile in document["profiles"]:
        assert profile["type"] == "sampled"
        assert profile["unit"] in ("none", "bytes")
        assert len(profile["samples"]) == len(profile["weights"])
        assert profile["startValue"] == 0
        assert profile["endValue"] == sum(profile["weights"])
        assert all(0 <= i < len(frames) for sample in profile["samples"] for i in sample)
    profile = next(p for p in document["profiles"] if p["name"] == metric)
    amounts = {}
    for sample, weight in zip(profile["samples"], profile["weights"]):
        leaf = frames[sample[-1]]["name"]
        amounts[leaf] = amounts.get(leaf, 0) + weight
    show(amounts)


def profile(path, view, unit):
    """Checks the references of `heaptide export --format json`, then flat amounts."""
    document = json.load(open(path))
    functions, locations = document["functions"], document["locations"]
    assert document["format"] == "heaptide" and document["version"] == 1
    for location in locations:
        assert location["lines"]
        assert all(0 <= line["function"] < len(functions) for line in location["lines"])
        assert 0 <= location.get("module", 0) < len(document["modules"])
    amounts, totals = {}, dict.fromkeys(document["totals"], 0)
    for stack in document["stacks"]:
        leaf = functions[locations[stack["locations"][0]]["lines"][0]["function"]]["name"]
        amounts[leaf] = amounts.get(leaf, 0) + stack[view][unit]
        for total in ("alloc", "inuse", "peak"):
            totals[total] += stack[total]["bytes"]
    for total in ("alloc", "inuse", "peak"):
        assert totals[total] == document["totals"][total]["bytes"]
    for block in document.get("blocks", []):
        assert 0 <= block["stack"] < len(document["stacks"])
        assert 0 <= block["thread"] < len(document["threads"])
    if "blocks" in document:
        assert sum(b["bytes"] for b in document["blocks"]) == document["totals"]["inuse"]["bytes"]
    show(amounts)


if __name__ == "__main__":
    {f.__name__: f for f in (report, top, folded, speedscope, profile)}[sys.argv[1]](*sys.argv[2:])
