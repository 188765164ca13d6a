#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a report of gcovr says was not reached, compared with test/coverage.reasons.

    uncovered.py SOURCE REPORT

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


def read_report(source, path):
    """Yields for each line where it is, whether it is reached, and of its branches how many are and how many not."""
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    for entry in report["files"]:
        with open(os.path.join(source, entry["file"]), encoding="utf-8") as file:
            text = file.read().splitlines()
        for line in entry["lines"]:
            if line.get("gcovr/noncode"):
                continue
            number = line["line_number"]
            taken = sum(branch["count"] != 0 for branch in line["branches"])
            key = (entry["file"], function_at(entry["functions"], number), text[number - 1].strip())
            yield key, number, line["count"] != 0, taken, len(line["branches"]) - taken


def percent(reached, missed):
    return f"{reached} of {reached + missed}, {100 * reached / (reached + missed):.2f} %"


def main():
    source, report = sys.argv[1:]
    reasons = read_reasons(os.path.join(source, REASONS))
    needed = set()
    unexplained = 0
    lines = [0, 0]
    branches = [0, 0]
    for key, number, reached, taken, missed in read_report(source, report):
        lines[not reached] += 1
        branches[0] += taken
        branches[1] += missed
        if reached and missed == 0:
            continue
        what = f"{missed} of {taken + missed} branches not taken" if reached else "not reached"
        if key in reasons:
            needed.add(key)
        else:
            unexplained += 1
        row = f"{REASONS}:{reasons[key]}" if key in reasons else "no reason"
        print(f"{key[0]}:{number}: {key[1]}: {what} ({row}): {key[2]}")
    if branches[0] == 0:
        sys.exit("the report has no branch that was taken")
    for key in reasons.keys() - needed:
        print(f"{REASONS}:{reasons[key]}: not needed: {key[0]}: {key[1]}: {key[2]}")
    print(f"lines: {percent(*lines)}")
    print(f"branches: {percent(*branches)}")
    print(f"without a reason: {unexplained}; reasons: {len(reasons)}")
    return 1 if unexplained or reasons.keys() - needed else 0


if __name__ == "__main__":
    sys.exit(main())
