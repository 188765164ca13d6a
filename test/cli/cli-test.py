#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check the tscounter program from outside: cli-test.py PROGRAM LOSSY-MODULE MANUAL"""

import json
import os
import pty
import re
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import traceback

PROGRAM, LOSSY_MODULE, MANUAL = sys.argv[1:]
WRAPPER = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
SANITIZER = os.environ.get("TSC_TEST_SANITIZER", "none")
SANITIZED = SANITIZER != "none"
VERSION = os.environ["TSC_TEST_VERSION"]
THREADS = int(os.environ.get("TSC_TEST_THREADS", "1000"))
OPS = int(os.environ.get("TSC_TEST_OPS", "100" if "thread" in SANITIZER else "1000"))

STATUS_OK, STATUS_LOST_UPDATE, STATUS_USAGE, STATUS_MACHINE = range(4)

COMMANDS = ["backends", "stress", "bench", "help"]
BACKENDS = []  # as 'backends --json' lists them
# Of those that were first. A further one is held against the same rows in test/unit/backend.c.
CAPABILITIES = {
    "mutex": {"linearizable", "fetch", "bounds", "peak", "update"},
    "atomic": {"linearizable", "fetch", "bounds", "peak"},
    "queue": {"linearizable", "fetch", "bounds", "peak", "update", "async"},
    "percpu": set(),
}
WHERE_LOCK_FREE = {"atomic", "percpu"}
ROW_TYPES = {
    "name": str,
    "expected": int,
    "counted": int,
    "lost": int,
    "in_flight": int,
    "refused": int,
    "ns_per_op": float,
    "ns_per_in_out": float,
}

BENCH_MEMBERS = ["version", "machine", "read_percent", "seconds", "pinned", "series", "skipped"]
MACHINE_MEMBERS = ["processor", "architecture", "processors", "kernel", "compiler", "optimized"]
SERIES_MEMBERS = ["threads", "rounds", "contenders"]
CONTENDER_MEMBERS = ["name", "ops", "durations_ns", "ns_per_op"]
QUARTILES = ["median", "lower", "upper"]
RATIO_MEMBERS = ["against", *QUARTILES, "proves_nothing"]
INLINE = ["inline plain", "inline atomic", "inline mutex", "inline spin"]
AGAINST = {"mutex": "inline mutex", "atomic": "inline atomic", "queue": "inline mutex", "percpu": "inline atomic"}
SENTENCE = "A ratio marked '?' proves nothing"
MIN_ROUNDS = 5

REPEATED = [
    # command, option that takes a value, a value of it
    ("stress", "backend", "none"), ("stress", "threads", "1"), ("stress", "ops", "1"),
    ("bench", "backend", "none"), ("bench", "threads", "1"), ("bench", "read-percent", "1"), ("bench", "seconds", "1"),
    ("bench", "json", "/dev/null"),
]

BAD_USAGE = [
    # arguments, the expected part of the message, the help that it must name
    ("stres", "unknown command 'stres'", "tscounter --help"),
    ("--frob", "unknown option '--frob'", "tscounter --help"),
    ("help frob", "unknown command 'frob'", "tscounter --help"),
    ("help stress backends", "'backends' is one too many", "tscounter help --help"),
    ("help --frob", "unknown option '--frob'", "tscounter help --help"),
    ("--help frob", "unknown command 'frob'", "tscounter --help"),
    ("--version now", "unexpected argument 'now'", "tscounter --help"),
    ("backends mutex", "unexpected argument 'mutex'", "tscounter backends --help"),
    ("backends --frob", "unknown option '--frob'", "tscounter backends --help"),
    ("backends --json=1", "takes no value", "tscounter backends --help"),
    ("stress queue", "unexpected argument 'queue'", "tscounter stress --help"),
    ("stress --frob", "unknown option '--frob'", "tscounter stress --help"),
    ("stress -x", "unknown option '-x'", "tscounter stress --help"),
    ("stress --threads", "'--threads' needs a value", "tscounter stress --help"),
    ("stress --threads 0", "from 1 to 100000, not '0'", "tscounter stress --help"),
    ("stress --threads 100001", "from 1 to 100000, not '100001'", "tscounter stress --help"),
    ("stress --threads -5", "not '-5'", "tscounter stress --help"),
    ("stress --threads ten", "not 'ten'", "tscounter stress --help"),
    ("stress --threads 10k", "not '10k'", "tscounter stress --help"),
    ("stress --threads=", "not ''", "tscounter stress --help"),
    ("stress --ops", "'--ops' needs a value", "tscounter stress --help"),
    ("stress --ops 0", "from 1 to 1000000000, not '0'", "tscounter stress --help"),
    ("stress --ops 1000000001", "from 1 to 1000000000", "tscounter stress --help"),
    ("stress --ops 99999999999999999999", "from 1 to 1000000000", "tscounter stress --help"),
    ("stress --backend", "'--backend' needs a value", "tscounter stress --help"),
    ("stress --backend frob", "unknown backend 'frob': choose some of NAMES, or all or none", "tscounter stress --help"),
    ("stress --backend mutex,frob", "unknown backend 'frob'", "tscounter stress --help"),
    ("stress --backend mutex,", "unknown backend ''", "tscounter stress --help"),
    ("stress --backend mutex,all", "unknown backend 'all'", "tscounter stress --help"),
    ("bench queue", "unexpected argument 'queue'", "tscounter bench --help"),
    ("bench --backend frob", "unknown backend 'frob': choose some of NAMES, or all or none", "tscounter bench --help"),
    ("bench --threads 0", "from 1 to 100000, not '0'", "tscounter bench --help"),
    ("bench --threads 1,,2", "from 1 to 100000, not ''", "tscounter bench --help"),
    ("bench --threads 1,2,", "from 1 to 100000, not ''", "tscounter bench --help"),
    ("bench --threads 1,2x", "from 1 to 100000, not '2x'", "tscounter bench --help"),
    ("bench --threads 1" + 32 * ",1", "at most 32 numbers", "tscounter bench --help"),
    ("bench --read-percent 101", "from 0 to 100, not '101'", "tscounter bench --help"),
    ("bench --read-percent -1", "from 0 to 100, not '-1'", "tscounter bench --help"),
    ("bench --seconds 0", "from 1 to 86400, not '0'", "tscounter bench --help"),
    ("bench --json", "'--json' needs a value", "tscounter bench --help"),
    *((f"{command} --{option} {value} --{option} {value}", f"'--{option}' is given twice", f"tscounter {command} --help")
      for command, option, value in REPEATED),
]

passed = 0
failed = 0


def check(name, good, seen=""):
    global passed, failed
    if good:
        passed += 1
        print(f"ok    {name}")
    else:
        failed += 1
        print(f"FAIL  {name}: {seen!r}")


def skip(name, why):
    print(f"skip  {name}: {why}")


def tscounter(arguments, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run([*WRAPPER, PROGRAM, *shlex.split(arguments)], text=True, check=False, **options)


def stress(arguments, **options):
    """Return the finished process, and the object that it printed or None."""
    process = tscounter("stress --json " + arguments, **options)
    try:
        return process, json.loads(process.stdout)
    except json.JSONDecodeError:
        return process, None


def check_help():
    for arguments in ["--help", "-h", "help"]:
        process = tscounter(arguments)
        check(f"'{arguments}' lists every command", process.returncode == STATUS_OK and process.stderr == ""
              and all(f"\n  {command} " in process.stdout for command in COMMANDS), process)
    for command in COMMANDS:
        process = tscounter("help " + command)
        check(f"'help {command}' explains it, with examples", process.returncode == STATUS_OK
              and process.stdout.startswith(f"Usage: tscounter {command} ")
              and "Examples:" in process.stdout, process)
        for option in ["--help", "-h"]:
            same = tscounter(f"{command} {option}")
            check(f"'{command} {option}' does the same", same.returncode == STATUS_OK
                  and same.stdout == process.stdout, same)
    process = tscounter("")
    check("no command: the help goes to stderr, exit status 2", process.returncode == STATUS_USAGE
          and process.stdout == "" and process.stderr == tscounter("--help").stdout, process)


def check_version():
    for arguments in [f"{command} {option}".strip() for command in ["", *COMMANDS] for option in ["--version", "-V"]]:
        process = tscounter(arguments)
        check(f"'{arguments}' shows program and library", process.returncode == STATUS_OK
              and process.stdout == f"tscounter {VERSION} (libtscounter {VERSION})\n", process)


def check_manual():
    with open(MANUAL, encoding="utf-8") as file:
        manual = file.read()
    texts = [tscounter("--help").stdout] + [tscounter("help " + command).stdout for command in COMMANDS]
    options = set(re.findall(r"^ .*--([a-z-]+)", "\n".join(texts), re.MULTILINE))
    missing = [option for option in options if f"Fl -{option}" not in manual]
    check("the manual knows every option of the help", len(options) >= 6 and not missing, (options, missing))
    members = ["version", "threads", "ops", "control", "backends", "skipped", "number", "built", "purpose",
               "capabilities", *ROW_TYPES, *BENCH_MEMBERS, *MACHINE_MEMBERS, *SERIES_MEMBERS, *CONTENDER_MEMBERS,
               "ratio", *RATIO_MEMBERS]
    named = re.findall(r"^\.(?:It )?Va (.*)$", manual, re.MULTILINE)
    named = {word for line in named for word in re.split(r"[ ,]+", line)}
    missing = [member for member in members if member not in named]
    check("the manual knows every member of the JSON", not missing, missing)


def check_bad_usage():
    for arguments, complaint, advice in BAD_USAGE:
        complaint = complaint.replace("NAMES", ", ".join(BACKENDS))
        process = tscounter(arguments)
        check(f"'{arguments}' is refused with exit status 2", process.returncode == STATUS_USAGE
              and process.stdout == "" and process.stderr.startswith("tscounter: ")
              and complaint in process.stderr and f"Try '{advice}'" in process.stderr, process)


def check_backends():
    """Return the names of the backends in this build."""
    process = tscounter("backends --json")
    listed = json.loads(process.stdout)
    rows = listed["backends"]
    check("'backends --json' lists every backend", process.returncode == STATUS_OK and process.stderr == ""
          and listed["version"] == VERSION
          and [row["name"] for row in rows[:len(CAPABILITIES)]] == list(CAPABILITIES)
          and [row["number"] for row in rows] == list(range(len(rows))), listed)
    BACKENDS.extend(row["name"] for row in rows)
    for row in rows:
        expected = [CAPABILITIES.get(row["name"], set(row["capabilities"]))]
        if row["name"] in WHERE_LOCK_FREE:
            expected.append(expected[0] | {"signal-safe", "lock-free"})
        check(f"the capabilities of {row['name']}", set(row["capabilities"]) in expected
              and isinstance(row["built"], bool) and row["purpose"] != "", row)

    table = tscounter("backends").stdout.splitlines()
    check("the table of 'backends' has the names as its head", table[0].split() == BACKENDS, table)
    for capability in sorted(set().union(*(row["capabilities"] for row in rows))):
        line = next((line.split() for line in table if line.startswith(capability + " ")), [])
        expected = ["yes" if capability in row["capabilities"] else "-" for row in rows]
        check(f"'backends' agrees with its JSON on {capability}", line[1:1 + len(rows)] == expected, line)
    line = next((line.split() for line in table if line.startswith("in this build ")), [])
    expected = ["yes" if row["built"] else "no" for row in rows]
    check("'backends' agrees with its JSON on the build", line[3:3 + len(rows)] == expected, line)
    return [row["name"] for row in rows if row["built"]]


def row_is_well_formed(row, threads, ops):
    return (list(row) == list(ROW_TYPES) and all(type(row[key]) is kind for key, kind in ROW_TYPES.items())
            and row["expected"] == threads * ops and row["lost"] == row["expected"] - row["counted"])


def row_is_right(row):
    return row["lost"] == 0 and row["in_flight"] == 0 and row["refused"] == 0


def check_stress(built):
    not_built = [name for name in BACKENDS if name not in built]
    process, report = stress(f"--threads {THREADS} --ops {OPS}")
    check("'stress --json' prints one object, and no progress bar into a pipe", report is not None
          and process.stderr == "" and process.stdout.count("\n") == 1, process)
    check("'stress' loads every backend of the build by default", process.returncode == STATUS_OK
          and list(report) == ["version", "threads", "ops", "control", "backends", "skipped"]
          and (report["version"], report["threads"], report["ops"]) == (VERSION, THREADS, OPS)
          and [row["name"] for row in report["backends"]] == built
          and report["skipped"] == not_built, report)
    check("its rows are well-formed", all(row_is_well_formed(row, THREADS, OPS)
                                          for row in [report["control"], *report["backends"]]), report)
    for row in report["backends"]:
        check(f"{row['name']} loses none from {THREADS} threads, and takes time", row_is_right(row)
              and row["ns_per_op"] > 0 and row["ns_per_in_out"] > 0, row)

    # More rounds than fit between two progress reports, and no multiple of them.
    odd_ops = 2500
    for name in built:
        process, report = stress(f"--backend {name} --threads 3 --ops {odd_ops}")
        rows = report["backends"]
        check(f"'--backend {name}' loads only this backend", process.returncode == STATUS_OK and report["skipped"] == []
              and [row["name"] for row in rows] == [name]
              and row_is_well_formed(rows[0], 3, odd_ops) and row_is_right(rows[0]), report)
    for name in not_built:
        process = tscounter(f"stress --backend {name}")
        check(f"'--backend {name}', not in this build, is refused with exit status 2",
              process.returncode == STATUS_USAGE
              and f"'{name}' is not part of this build" in process.stderr, process)

    process, report = stress(f"--backend {','.join(reversed(built))} --threads 2 --ops 10")
    check("'--backend LIST' loads the backends of the list", process.returncode == STATUS_OK and report["skipped"] == []
          and [row["name"] for row in report["backends"]] == built, report)
    process, report = stress(f"--backend {built[0]},{built[-1]} --threads 2 --ops 10 --json")
    check("…and no others; --json may be repeated", process.returncode == STATUS_OK and report["skipped"] == []
          and {row["name"] for row in report["backends"]} == {built[0], built[-1]}, report)

    process = tscounter("stress --backend all --threads 2 --ops 10")
    check("the table says that it is no benchmark", "no benchmark: 'tscounter bench' measures" in process.stdout,
          process)
    first_words = [line.split()[0] for line in process.stdout.splitlines() if line]
    check("the table has a row for the control and each backend", process.returncode == STATUS_OK
          and first_words[2:3 + len(BACKENDS)] == ["racy", *built, *not_built], process)
    check("the table ends with the verdict", process.stdout.endswith("\nNo backend lost an update.\n"), process)
    check("no progress bar into a pipe", "\r" not in process.stdout and process.stderr == "", process)

    process, report = stress("--threads 1 --ops 100000")
    check("the control is right with one thread", row_is_right(report["control"]), report)


def bench(arguments, **options):
    """Return the finished process, and the object that it printed or None."""
    process = tscounter("bench --seconds 1 --json - " + arguments, **options)
    try:
        return process, json.loads(process.stdout)
    except json.JSONDecodeError:
        return process, None


def quartiles(samples):
    lower, median, upper = statistics.quantiles(samples, n=4, method="inclusive")
    return {"median": median, "lower": lower, "upper": upper}


def are_close(printed, computed):
    return all(abs(printed[key] - computed[key]) <= 0.00051 for key in QUARTILES)


def contender_is_right(contender, series):
    times = [duration / contender["ops"] for duration in contender["durations_ns"]]
    if not (len(times) == series["rounds"] and min(times) > 0 and contender["ops"] % series["threads"] == 0
            and list(contender["ns_per_op"]) == QUARTILES and are_close(contender["ns_per_op"], quartiles(times))):
        return False
    if contender["name"] in INLINE:
        return list(contender) == CONTENDER_MEMBERS

    ratio = contender["ratio"]
    other = next(row for row in series["contenders"] if row["name"] == ratio["against"])
    ratios = quartiles([time / (duration / other["ops"]) for time, duration in zip(times, other["durations_ns"])])
    proves_nothing = ratios["upper"] - ratios["lower"] > abs(ratios["median"] - 1)
    return (list(contender) == [*CONTENDER_MEMBERS, "ratio"] and list(ratio) == RATIO_MEMBERS
            and ratio["against"] == AGAINST.get(contender["name"], ratio["against"]) and are_close(ratio, ratios)
            and ratio["proves_nothing"] == proves_nothing)


def series_is_right(series, threads, names):
    return (list(series) == SERIES_MEMBERS and series["threads"] == threads and series["rounds"] >= MIN_ROUNDS
            and [row["name"] for row in series["contenders"]] == names
            and all(contender_is_right(row, series) for row in series["contenders"]))


def check_bench_table(process, report, not_built):
    ratios = [row["ratio"] for series in report["series"] for row in series["contenders"] if "ratio" in row]
    marked = [ratio["proves_nothing"] for ratio in ratios]
    rows = re.findall(r"  (inline [a-z]+) +[0-9.]+([? ]) ", process.stdout)
    check("the table marks exactly the ratios that prove nothing", rows
          == [(ratio["against"], "?" if ratio["proves_nothing"] else " ") for ratio in ratios], process)
    check("…and explains the mark if there is one", (SENTENCE in process.stdout) == any(marked), process)
    heads = re.findall(r"^(\d+) threads?, (\d+) rounds$", process.stdout, re.MULTILINE)
    check("the table has a head for each number of threads", heads
          == [(str(series["threads"]), str(series["rounds"])) for series in report["series"]], process)
    check("…and names the backends that are not in this build", re.findall(r"Backend (\w+) is not part", process.stdout)
          == not_built, process)


def check_bench(built):
    not_built = [name for name in BACKENDS if name not in built]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bench.json")
        process = tscounter(f"bench --threads 1,3 --seconds 1 --json {path}")
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
    check("'bench --json FILE' writes one object, and prints a table", process.returncode == STATUS_OK
          and process.stderr == "" and list(report) == BENCH_MEMBERS, (process, report))
    check("it has the version, the machine and the options", report["version"] == VERSION
          and list(report["machine"]) == MACHINE_MEMBERS and all(report["machine"][member] != ""
                                                                  for member in MACHINE_MEMBERS)
          and report["machine"]["processors"] == len(os.sched_getaffinity(0)) and report["skipped"] == not_built
          and (report["read_percent"], report["seconds"], report["pinned"]) == (0, 1, False), report)
    check("it measures the inline integers and the backends, with each number of threads",
          [series["threads"] for series in report["series"]] == [1, 3], report)
    for series in report["series"]:
        check(f"its statistics agree with the measured times for {series['threads']} threads",
              series_is_right(series, series["threads"], [*INLINE, *built]), series)
    check_bench_table(process, report, not_built)

    # The program itself checks the values.
    for percent in [1, 50, 99, 100]:
        process, report = bench(f"--threads 2 --read-percent {percent}")
        check(f"'--read-percent {percent}': that share of the operations reads", process.returncode == STATUS_OK
              and process.stderr == "" and report["read_percent"] == percent
              and series_is_right(report["series"][0], 2, [*INLINE, *built]), process)
    for name in [*built, "none"]:
        process, report = bench(f"--threads 1 --backend {name}")
        check(f"'bench --backend {name}' measures only this backend", process.returncode == STATUS_OK
              and report["skipped"] == []
              and series_is_right(report["series"][0], 1, INLINE + [name] * (name != "none")), process)
    for name in not_built:
        process = tscounter(f"bench --backend {name}")
        check(f"'bench --backend {name}', not in this build, is refused", process.returncode == STATUS_USAGE
              and f"'{name}' is not part of this build" in process.stderr, process)


def affinities(arguments):
    """Run bench to its end, and return the sizes of its threads' CPU affinity sets."""
    seen = set()
    command = [PROGRAM, *shlex.split("bench --threads 2 --seconds 1 --backend none " + arguments)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for thread in os.listdir(f"/proc/{process.pid}/task"):
                try:
                    seen.add(len(os.sched_getaffinity(int(thread))))
                except ProcessLookupError:
                    continue
    return process.returncode, seen


def check_pin():
    name = "'--pin' binds each thread to one CPU"
    processors = len(os.sched_getaffinity(0))
    if WRAPPER or processors == 1:
        skip(name, "needs several CPUs, and no wrapper")
        return
    for arguments, expected in [("", {processors}), ("--pin", {1, processors})]:
        status, seen = affinities(arguments)
        check(f"{name}: {arguments or 'without'}", status == STATUS_OK and seen == expected, seen)
    process, report = bench("--threads 3 --pin --backend none")
    check("…and the JSON says so", process.returncode == STATUS_OK and report["pinned"] is True, process)


def check_control():
    # Each thread runs for many time slices. So some are interrupted between load and store, even on one CPU.
    process, report = stress("--backend none --threads 8 --ops 100000000")
    check("the control loses counts", process.returncode == STATUS_OK and process.stderr == ""
          and report["backends"] == [] and report["control"]["lost"] > 0, report)


def check_lost_update(built):
    name = "a backend that loses an update is noticed"
    if SANITIZED or WRAPPER:
        skip(name, "needs a preloaded module")
        return
    environment = {**os.environ, "LD_PRELOAD": LOSSY_MODULE}
    process, report = stress("--threads 4 --ops 1000", env=environment)
    check(name + ": exit status 1", process.returncode == STATUS_LOST_UPDATE, process)
    check("…in each row", [row["name"] for row in report["backends"]] == built
          and all(row["lost"] == 4 and row["in_flight"] == -4 for row in report["backends"]), report)
    check("…with a message", all(f"backend {backend} is wrong: 4 of 4000 increments lost" in process.stderr
                                 for backend in built), process)
    process = tscounter("stress --threads 4 --ops 1000", env=environment)
    check("…and the table does not say that none lost", process.returncode == STATUS_LOST_UPDATE
          and "No backend lost" not in process.stdout, process)
    with open("/dev/full", "w", encoding="utf-8") as full:
        process = tscounter("stress --threads 4 --ops 1000", env=environment, stdout=full)
    check("…also if the output cannot be written", process.returncode == STATUS_LOST_UPDATE
          and "cannot write the output" in process.stderr and "This is a bug" in process.stderr, process)
    process = tscounter("bench --seconds 1 --threads 2 --json /dev/full", env=environment)
    check("…also if the JSON cannot be written", process.returncode == STATUS_LOST_UPDATE
          and "cannot write '/dev/full'" in process.stderr, process)
    process, report = bench("--threads 2", env=environment)
    check("…by 'bench' too", process.returncode == STATUS_LOST_UPDATE and report is not None
          and all(re.search(rf"backend {backend} is wrong: \d+ of \d+ increments lost", process.stderr)
                  for backend in built), process)


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))


def check_machine(built):
    name = "too few threads: exit status 3, and what to do next"
    if SANITIZED or WRAPPER:
        skip(name, "needs a limit on memory")
    else:
        process = tscounter(f"stress --backend {built[0]} --threads 5000", preexec_fn=limit_memory)
        check(name, process.returncode == STATUS_MACHINE and process.stdout == ""
              and re.search(r"only \d+ of 5000 threads could be started", process.stderr)
              and "--threads" in process.stderr and "ulimit" in process.stderr, process)
        process = tscounter("bench --seconds 1 --threads 5000", preexec_fn=limit_memory)
        check(name + ", for 'bench' too", process.returncode == STATUS_MACHINE
              and re.search(r"only \d+ of 5000 threads could be started", process.stderr), process)
    for path in ["/dev/full", "/nowhere/bench.json"]:
        process = tscounter(f"bench --seconds 1 --threads 1 --backend none --json {path}")
        check(f"'bench --json {path}': exit status 3", process.returncode == STATUS_MACHINE
              and f"cannot write '{path}'" in process.stderr, process)
    for arguments in ["--help", "--version", "backends", "backends --json", "stress --threads 1 --ops 1",
                      "bench --seconds 1 --threads 1 --backend none --json -"]:
        with open("/dev/full", "w", encoding="utf-8") as full:
            process = tscounter(arguments, stdout=full)
        check(f"'{arguments}' onto a full disk: exit status 3", process.returncode == STATUS_MACHINE
              and "cannot write the output" in process.stderr, process)


def close_descriptors(*descriptors):
    """Return a function that closes them in the child before exec."""
    def close():
        for descriptor in descriptors:
            os.close(descriptor)
    return close


def check_closed_output():
    """With any descriptors closed: output that cannot be written is an error, reported on stderr if that is open.
    """
    commands = ["--help", "--version", "help bench", "backends", "backends --json", "stress --help",
                "stress --threads 1 --ops 1", "stress --json --threads 1 --ops 1",
                "bench --seconds 1 --threads 1 --backend none", "bench --seconds 1 --threads 1 --backend none --json -"]
    for arguments in commands:
        for closed in [(1,), (0, 1), (0, 1, 2)]:
            process = tscounter(arguments, preexec_fn=close_descriptors(*closed))
            check(f"'{arguments}', descriptors {closed} closed: exit status 3", process.returncode == STATUS_MACHINE
                  and process.stdout == "" and ("cannot write the output" in process.stderr) == (2 not in closed),
                  process)
    for closed in [(0,), (2,), (0, 2)]:
        process = tscounter("backends", preexec_fn=close_descriptors(*closed))
        check(f"'backends', descriptors {closed} closed: as always", process.returncode == STATUS_OK
              and process.stderr == "" and process.stdout == tscounter("backends").stdout, process)
        process = tscounter("stress --frob", preexec_fn=close_descriptors(*closed))
        check(f"'stress --frob', descriptors {closed} closed: exit status 2", process.returncode == STATUS_USAGE
              and process.stdout == "" and ("--frob" in process.stderr) == (2 not in closed), process)


def check_closed_output_beside_json(folder):
    path = os.path.join(folder, "bench.json")
    for closed in [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)]:
        process = tscounter(f"bench --seconds 1 --threads 1 --backend none --json {path}",
                            preexec_fn=close_descriptors(*closed))
        with open(path, encoding="utf-8") as file:
            text = file.read()
        check(f"'bench --json FILE', descriptors {closed} closed: FILE has exactly one object",
              process.returncode == STATUS_OK and process.stderr == "" and text.startswith("{")
              and text.count("\n") == 1 and list(json.loads(text)) == BENCH_MEMBERS, (process, text))
        check("…and the table is printed if stdout is open", ("ns/op" in process.stdout) == (1 not in closed), process)

    with open(path, "w", encoding="utf-8") as output:
        process = tscounter(f"bench --seconds 1 --threads 1 --json {path}", stdout=output)
    check("'bench --json FILE >FILE' is refused", process.returncode == STATUS_USAGE
          and "give --json -" in process.stderr and os.path.getsize(path) == 0, process)
    process = tscounter("bench --seconds 1 --threads 1 --backend none --json /dev/null", stdout=subprocess.DEVNULL)
    check("…but /dev/null is no error", process.returncode == STATUS_OK and process.stderr == "", process)


def check_descriptors():
    if WRAPPER:
        skip("closed descriptors", "needs the program without a wrapper, which opens files of its own")
        return
    check_closed_output()
    with tempfile.TemporaryDirectory() as folder:
        check_closed_output_beside_json(folder)


def read_terminal(terminal):
    """Read until the last writer has closed its end."""
    seen = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            return seen.decode()
        if not piece:
            return seen.decode()
        seen += piece


def run_on_terminal(arguments):
    """Return the exit status, the terminal's contents, and the output."""
    ours, theirs = pty.openpty()
    command = [*WRAPPER, PROGRAM, *shlex.split(arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        drawn = read_terminal(ours)
        output = process.stdout.read()
    os.close(ours)
    return process.returncode, drawn, output


def check_terminal(arguments, steps):
    status, drawn, output = run_on_terminal(arguments)
    bars = re.findall(r"\r\[(#*)(\.*)\] +(\d+) %  ([a-z0-9 ]+)", drawn)
    percentages = [int(bar[2]) for bar in bars]
    names = list(dict.fromkeys(bar[3].strip() for bar in bars))
    widths = {len(bar[0] + bar[1]) for bar in bars}
    check(f"'{arguments}' draws a progress bar on a terminal", status == STATUS_OK and bars and len(widths) == 1,
          drawn)
    check("it names each step in turn", names == steps, drawn)
    check("it goes from 0 % up, and never past its end", percentages[:1] == [0]
          and percentages == sorted(percentages) and 50 <= percentages[-1] <= 100, percentages)
    check("it is erased at the end", re.search(r"\r +\r$", drawn), drawn)
    check("…and is not in the output", "\r" not in output and "%  " not in output, output)


def check_all():
    check_help()
    check_version()
    check_manual()
    built = check_backends()
    check_bad_usage()
    check_stress(built)
    check_bench(built)
    check_pin()
    check_control()
    check_lost_update(built)
    check_machine(built)
    check_descriptors()
    check_terminal("stress --threads 8 --ops 20000", ["racy int", *built])
    check_terminal("bench --threads 1,2 --seconds 1 --backend none", ["1 thread", "2 threads"])


def main():
    try:
        check_all()
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        check("all checks are run", False, error)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
