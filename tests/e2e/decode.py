#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# What a receiver of profiles understands of a request, as JSON: decoded by protoc
# with schemas that are written here, from the field numbers of the protocols alone.
#
# usage: decode.py push|ingest|otlp|parca|pprof FILE [BOUNDARY]
#
# Of a profile: types, period, time and duration, and the amounts added up by name
# of the innermost function, for each type; ids and indices are checked.
import base64
import email.parser
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

SCHEMA = """
syntax = "proto3";
message Push { repeated Series s = 1; }
message Series { repeated Pair l = 1; repeated Raw r = 2; }
message Pair { string name = 1; string value = 2; }
message Raw { bytes raw = 1; string id = 2; }
message Pprof { repeated VT type = 1; repeated S sample = 2; repeated M mapping = 3; repeated L location = 4;
  repeated F function = 5; repeated string text = 6; int64 time = 9; int64 duration = 10; VT period_type = 11;
  int64 period = 12; repeated int64 comment = 13; int64 default_type = 14; }
message VT { int64 type = 1; int64 unit = 2; }
message S { repeated uint64 location = 1; repeated int64 value = 2; }
message M { uint64 id = 1; uint64 start = 2; uint64 limit = 3; int64 file = 5; int64 build = 6;
  bool functions = 7; bool files = 8; bool lines = 9; bool inlines = 10; }
message L { uint64 id = 1; uint64 mapping = 2; uint64 address = 3; repeated Ln line = 4; }
message Ln { uint64 function = 1; int64 line = 2; }
message F { uint64 id = 1; int64 name = 2; int64 system = 3; int64 file = 4; int64 line = 5; }
message Otlp { repeated RP rp = 1; D d = 2; }
message RP { R resource = 1; repeated SP sp = 2; }
message R { repeated KV a = 1; }
message KV { string key = 1; AV value = 2; }
message AV { string text = 1; int64 number = 3; }
message SP { Sc scope = 1; repeated OP profile = 2; }
message Sc { string name = 1; string version = 2; }
message D { repeated OM mapping = 1; repeated OL location = 2; repeated OF function = 3; repeated Lk link = 4;
  repeated string text = 5; repeated At attribute = 6; repeated St stack = 7; }
message OM { uint64 start = 1; uint64 limit = 2; int32 file = 4; repeated int32 attribute = 5; }
message OL { int32 mapping = 1; uint64 address = 2; repeated OLn line = 3; repeated int32 attribute = 4; }
message OLn { int32 function = 1; int64 line = 2; }
message OF { int32 name = 1; int32 system = 2; int32 file = 3; }
message Lk { bytes trace = 1; }
message At { int32 key = 1; AV value = 2; }
message St { repeated int32 location = 1; }
message OP { OVT type = 1; repeated OS sample = 2; fixed64 time = 3; uint64 duration = 4; OVT period_type = 5;
  int64 period = 6; bytes id = 7; }
message OVT { int32 type = 1; int32 unit = 2; }
message OS { int32 stack = 1; repeated int32 attribute = 2; int32 link = 3; repeated int64 value = 4; }
"""


def unescape(text):
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def parse(lines):
    """protoc's text format as a dict of lists."""
    message = {}
    for line in lines:
        line = line.strip()
        if line == "}":
            break
        if line.endswith("{"):
            message.setdefault(line[:-2], []).append(parse(lines))
            continue
        name, value = line.split(": ", 1)
        if value[0] == '"':
            value = unescape(value[1:-1])
        else:
            value = value == "true" if value in ("true", "false") else int(value)
        message.setdefault(name, []).append(value)
    return message


def decode(kind, data):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "s.proto"), "w") as out:
            out.write(SCHEMA)
        done = subprocess.run(["protoc", f"--proto_path={folder}", f"--decode={kind}", "s.proto"],
                              input=data, capture_output=True, check=True)
    text = done.stdout.decode()
    assert not re.search(r"^\s*\d+[:{ ]", text, re.M), "fields that the schema does not have:\n" + text
    return parse(iter(text.splitlines()))


def one(message, name, default=0):
    return message.get(name, [default])[0]


def add(sums, name, value):
    sums[name] = sums.get(name, 0) + value


def pprof(data):
    message = decode("Pprof", gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    texts = [text.decode("utf-8") for text in message["text"]]
    assert texts[0] == ""
    locations, functions = message.get("location", []), message.get("function", [])
    for table in ("mapping", "location", "function"):
        assert [one(item, "id") for item in message.get(table, [])] == \
            list(range(1, len(message.get(table, [])) + 1)), "ids are not in sequence"
    types = [texts[one(item, "type")] + "/" + texts[one(item, "unit")] for item in message["type"]]
    sums, totals = [{} for _ in types], [0 for _ in types]
    for sample in message.get("sample", []):
        assert len(sample["value"]) == len(types) and any(sample["value"])
        location = locations[sample["location"][0] - 1]
        assert one(location, "address") != 0
        name = texts[one(functions[one(location["line"][0], "function") - 1], "name")]
        for i, value in enumerate(sample["value"]):
            assert value >= 0
            totals[i] += value
            add(sums[i], name, value)
    for mapping in message.get("mapping", []):
        assert re.fullmatch("[0-9a-f]*", texts[one(mapping, "build")])
    period = message["period_type"][0]
    return {"types": types, "totals": dict(zip(types, totals)), "by": dict(zip(types, sums)),
            "period": [texts[one(period, "type")], texts[one(period, "unit")], one(message, "period")],
            "time": one(message, "time"), "duration": one(message, "duration"),
            "default": texts[one(message, "default_type")], "samples": len(message.get("sample", [])),
            "bytes": len(gzip.decompress(data)) if data[:2] == b"\x1f\x8b" else len(data)}


def push(data):
    series = decode("Push", data)["s"]
    assert len(series) == 1 and len(series[0]["r"]) == 1, "one series and one profile are sent"
    pairs = [(one(pair, "name", b"").decode(), one(pair, "value", b"").decode()) for pair in series[0]["l"]]
    assert len(pairs) == len(dict(pairs)), "a label is there twice"
    raw = series[0]["r"][0]
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}", raw["id"][0].decode())
    return {"labels": dict(pairs), "profile": pprof(raw["raw"][0])}


def ingest(data, boundary):
    head = f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n".encode()
    parts = email.parser.BytesParser().parsebytes(head + data).get_payload()
    files = {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in parts}
    return {"parts": sorted(files), "profile": pprof(files["profile"]),
            "types": json.loads(files["sample_type_config"])}


def parca(data):
    series = json.loads(data)["series"]
    assert len(series) == 1
    pairs = [(label["name"], label["value"]) for label in series[0]["labels"]["labels"]]
    return {"labels": dict(pairs),
            "profiles": [pprof(base64.b64decode(sample["rawProfile"])) for sample in series[0]["samples"]]}


def otlp(data):
    message = decode("Otlp", gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    tables = message["d"][0]
    texts = [text.decode("utf-8") for text in tables["text"]]
    assert texts[0] == ""
    for table in ("mapping", "location", "function", "link", "attribute", "stack"):
        assert tables[table][0] == {}, f"element 0 of {table} is not the zero value"
    attributes = [(texts[one(item, "key")], one(one(item, "value", {}), "text", b"").decode())
                  for item in tables["attribute"]]
    for location in tables["location"][1:]:
        assert attributes[location["attribute"][0]] == ("profile.frame.type", "native")
        assert one(location, "mapping") < len(tables["mapping"])
    builds = [attributes[i] for mapping in tables["mapping"] for i in mapping.get("attribute", [])]
    assert all(key == "process.executable.build_id.gnu" for key, _ in builds) and builds
    profiles = {}
    resource = message["rp"][0]
    scope = resource["sp"][0]
    for item in scope["profile"]:
        kind = texts[item["type"][0]["type"][0]] + "/" + texts[item["type"][0]["unit"][0]]
        period = item["period_type"][0]
        sums, seen = {}, set()
        for sample in item["sample"]:
            assert len(sample["value"]) == 1 and sample["value"][0] > 0
            stack = one(sample, "stack")
            assert 0 < stack < len(tables["stack"]) and stack not in seen
            seen.add(stack)
            location = tables["location"][tables["stack"][stack]["location"][0]]
            function = tables["function"][one(location["line"][0], "function")]
            add(sums, texts[one(function, "name")], sample["value"][0])
        assert len(item["id"][0]) == 16
        profiles[kind] = {"total": sum(sums.values()), "by": sums, "time": one(item, "time"),
                          "duration": one(item, "duration"), "id": item["id"][0].hex(),
                          "period": [texts[one(period, "type")], texts[one(period, "unit")], one(item, "period")]}
    values = {item["key"][0].decode(): one(item["value"][0], "text", b"").decode() or
              one(item["value"][0], "number") for item in resource["resource"][0]["a"]}
    return {"resource": values, "scope": one(scope["scope"][0], "name").decode(), "profiles": profiles}


with open(sys.argv[2], "rb") as file:
    content = file.read()
functions = {"push": push, "ingest": ingest, "otlp": otlp, "parca": parca, "pprof": pprof}
print(json.dumps(functions[sys.argv[1]](content, *sys.argv[3:]), indent=1))
