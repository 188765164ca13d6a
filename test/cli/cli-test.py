#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the tscounter program from outside: cli-test.py PROGRAM LOSSY-MODULE MANUAL"""

import json
import os
import pty
import re
import resource
import shlex
import subprocess
import sys
import traceback

PROGRAM, LOSSY_MODULE, MANUAL = sys.argv[1:]
WRAPPER = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
SANITIZER = os.environ.get("TSC_TEST_SANITIZER", "none")
SANITIZED = SANITIZER != "none"
VERSION = os.environ["TSC_TEST_VERSION"]
THREADS = int(os.environ.get("TSC_TEST_THREADS", "1000"))
OPS = int(os.environ.get("TSC_TEST_OPS", "100" if "thread" in SANITIZER else "1000"))

STATUS_OK, STATUS_LOST_UPDATE, STATUS_USAGE, STATUS_MACHINE = range(4)

COMMANDS = ["backends", "stress"]
BACKENDS = ["mutex", "atomic", "queue", "percpu"]
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

BAD_USAGE = [
    # arguments, what the message must say, where it must send the user
    ("stres", "unknown command 'stres'", "tscounter --help"),
    ("--frob", "unknown option '--frob'", "tscounter --help"),
    ("help frob", "unknown command 'frob'", "tscounter --help"),
    ("help stress backends", "'backends' is one too many", "tscounter --help"),
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
    ("stress --backend frob", "choose " + ", ".join(BACKENDS) + ", all or none", "tscounter stress --help"),
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
    """Returns the finished process, and the object that it printed or None."""
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
    for arguments in ["--version", "-V"]:
        process = tscounter(arguments)
        check(f"'{arguments}' shows program and library", process.returncode == STATUS_OK
              and process.stdout == f"tscounter {VERSION} (libtscounter {VERSION})\n", process)


def check_manual():
    with open(MANUAL, encoding="utf-8") as file:
        manual = file.read()
    texts = [tscounter("--help").stdout] + [tscounter("help " + command).stdout for command in COMMANDS]
    options = set(re.findall(r"^ .*--([a-z]+)", "\n".join(texts), re.MULTILINE))
    missing = [option for option in options if f"Fl -{option}" not in manual]
    check("the manual knows every option of the help", len(options) >= 6 and not missing, (options, missing))
    members = ["version", "threads", "ops", "control", "backends", "skipped", "number", "built", "purpose",
               "capabilities", *ROW_TYPES]
    missing = [member for member in members if f"\n.It Va {member}\n" not in manual]
    check("the manual knows every member of the JSON", not missing, missing)


def check_bad_usage():
    for arguments, complaint, advice in BAD_USAGE:
        process = tscounter(arguments)
        check(f"'{arguments}' is refused with exit status 2", process.returncode == STATUS_USAGE
              and process.stdout == "" and process.stderr.startswith("tscounter: ")
              and complaint in process.stderr and f"Try '{advice}'" in process.stderr, process)


def check_backends():
    """Returns the names of the backends in this build."""
    process = tscounter("backends --json")
    listed = json.loads(process.stdout)
    rows = listed["backends"]
    check("'backends --json' lists every backend", process.returncode == STATUS_OK and process.stderr == ""
          and listed["version"] == VERSION and [row["name"] for row in rows] == BACKENDS
          and [row["number"] for row in rows] == list(range(len(BACKENDS))), listed)
    for row in rows:
        expected = [CAPABILITIES[row["name"]]]
        if row["name"] in WHERE_LOCK_FREE:
            expected.append(expected[0] | {"signal-safe", "lock-free"})
        check(f"the capabilities of {row['name']}", set(row["capabilities"]) in expected
              and isinstance(row["built"], bool) and row["purpose"] != "", row)

    table = tscounter("backends").stdout.splitlines()
    check("'backends' heads its table with the names", table[0].split() == BACKENDS, table)
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

    # More rounds than fit between two reports of progress, and no multiple of them.
    odd_ops = 2500
    for name in built:
        process, report = stress(f"--backend {name} --threads 3 --ops {odd_ops}")
        rows = report["backends"]
        check(f"'--backend {name}' loads it alone", process.returncode == STATUS_OK and report["skipped"] == []
              and [row["name"] for row in rows] == [name]
              and row_is_well_formed(rows[0], 3, odd_ops) and row_is_right(rows[0]), report)
    for name in not_built:
        process = tscounter(f"stress --backend {name}")
        check(f"'--backend {name}', not in this build, is refused with exit status 2",
              process.returncode == STATUS_USAGE
              and f"'{name}' is not part of this build" in process.stderr, process)

    process = tscounter("stress --backend all --threads 2 --ops 10")
    first_words = [line.split()[0] for line in process.stdout.splitlines() if line]
    check("the table has a row for the control and each backend", process.returncode == STATUS_OK
          and first_words[2:3 + len(BACKENDS)] == ["racy", *built, *not_built], process)
    check("the table ends with the verdict", process.stdout.endswith("\nNo backend lost an update.\n"), process)
    check("no progress bar into a pipe", "\r" not in process.stdout and process.stderr == "", process)

    process, report = stress("--threads 1 --ops 100000")
    check("the control is right with one thread", row_is_right(report["control"]), report)


def check_control():
    # Each thread runs for many time slices, so that some are interrupted between load and store even where one
    # processor is all that they get.
    process, report = stress("--backend none --threads 8 --ops 100000000")
    check("the control is seen to lose counts", process.returncode == STATUS_OK and process.stderr == ""
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
    check("…and not praised in the table", process.returncode == STATUS_LOST_UPDATE
          and "No backend lost" not in process.stdout, process)


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
    for arguments in ["--help", "--version", "backends", "backends --json", "stress --threads 1 --ops 1"]:
        with open("/dev/full", "w", encoding="utf-8") as full:
            process = tscounter(arguments, stdout=full)
        check(f"'{arguments}' onto a full disk: exit status 3", process.returncode == STATUS_MACHINE
              and "cannot write the output" in process.stderr, process)


def read_terminal(terminal):
    """Reads until the last writer has closed its end."""
    seen = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            return seen.decode()
        if not piece:
            return seen.decode()
        seen += piece


def check_terminal(built):
    ours, theirs = pty.openpty()
    command = [*WRAPPER, PROGRAM, "stress", "--threads", "8", "--ops", "20000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        drawn = read_terminal(ours)
        table = process.stdout.read()
    os.close(ours)

    bars = re.findall(r"\r\[(#*)(\.*)\] +(\d+) %  ([a-z ]+)", drawn)
    percentages = [int(bar[2]) for bar in bars]
    names = list(dict.fromkeys(bar[3].strip() for bar in bars))
    widths = {len(bar[0] + bar[1]) for bar in bars}
    check("a progress bar on a terminal", process.returncode == STATUS_OK and bars and len(widths) == 1, drawn)
    check("it names each step in turn", names == ["racy int", *built], drawn)
    check("it goes from 0 % up, and never past its end", percentages[:1] == [0]
          and percentages == sorted(percentages) and 50 <= percentages[-1] <= 100, percentages)
    check("it is wiped out at the end", re.search(r"\r +\r$", drawn), drawn)
    check("…and is not in the output", "\r" not in table and "%  " not in table, table)


def check_all():
    check_help()
    check_version()
    check_manual()
    check_bad_usage()
    built = check_backends()
    check_stress(built)
    check_control()
    check_lost_update(built)
    check_machine(built)
    check_terminal(built)


def main():
    try:
        check_all()
    except Exception as error:
        traceback.print_exc(file=sys.stdout)
        check("the checks run to their end", False, error)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
