#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What reports of gcovr, of several builds, say that none reached, compared with test/coverage.reasons.

    uncovered.py SOURCE REPORT...

A row of the reasons is: file, function, source line, reason; with a tab between them. It stands for all that is not
reached in that line. Exits 1 where there is a line or a branch without a row, or a row without either.
"""

import json
import os
import sys

REASONS = "test/coverage.reasons"


def read_reasons(path):
    reasons = {}
    with open(path, encoding="utf-8") as file:
        for number, row in enumerate(file, 1):
            if row.startswith("#") or not row.strip():
                continue
            fields = [field.strip() for field in row.split("\t")]
            if len(fields) != 4 or not all(fields):
                sys.exit(f"{REASONS}:{number}: not four fields with a tab between them")
            reasons[tuple(fields[:3])] = number
    return reasons


def function_at(functions, line_number):
    before = [function for function in functions if function["lineno"] <= line_number]
    return max(before, key=lambda function: function["lineno"])["name"] if before else "-"


def merge(known, found):
    """Two builds may make different branches of a line; then the build counts that leaves fewer."""
    reached = known["reached"] or found["reached"]
    if len(known["taken"]) == len(found["taken"]):
        taken = [any(pair) for pair in zip(known["taken"], found["taken"])]
    else:
        taken = min(known["taken"], found["taken"], key=lambda branches: branches.count(False))
    return {**known, "reached": reached, "taken": taken}


def read_report(path, lines):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    for entry in report["files"]:
        for line in entry["lines"]:
            if line.get("gcovr/noncode"):
                continue
            place = (entry["file"], line["line_number"])
            found = {
                "function": function_at(entry["functions"], line["line_number"]),
                "reached": line["count"] != 0,
                "taken": [branch["count"] != 0 for branch in line["branches"]],
            }
            lines[place] = merge(lines[place], found) if place in lines else found


def read_line(source, path, number):
    with open(os.path.join(source, path), encoding="utf-8") as file:
        return file.read().splitlines()[number - 1].strip()


def percent(reached, missed):
    return f"{reached} of {reached + missed}, {100 * reached / (reached + missed):.2f} %"


def main():
    source, *reports = sys.argv[1:]
    reasons = read_reasons(os.path.join(source, REASONS))
    found = {}
    for report in reports:
        read_report(report, found)
    needed = set()
    unexplained = 0
    lines = [0, 0]
    branches = [0, 0]
    for (path, number), line in sorted(found.items()):
        taken, missed = line["taken"].count(True), line["taken"].count(False)
        lines[not line["reached"]] += 1
        branches[0] += taken
        branches[1] += missed
        if line["reached"] and missed == 0:
            continue
        what = f"{missed} of {taken + missed} branches not taken" if line["reached"] else "not reached"
        key = (path, line["function"], read_line(source, path, number))
        if key in reasons:
            needed.add(key)
        else:
            unexplained += 1
        row = f"{REASONS}:{reasons[key]}" if key in reasons else "no reason"
        print(f"{path}:{number}: {key[1]}: {what} ({row}): {key[2]}")
    if branches[0] == 0:
        sys.exit("the reports have no branch that was taken")
    for key in reasons.keys() - needed:
        print(f"{REASONS}:{reasons[key]}: not needed: {key[0]}: {key[1]}: {key[2]}")
    print(f"lines: {percent(*lines)}")
    print(f"branches: {percent(*branches)}")
    print(f"without a reason: {unexplained}; reasons: {len(reasons)}")
    return 1 if unexplained or reasons.keys() - needed else 0


if __name__ == "__main__":
    sys.exit(main())
