#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds up what meson's test logs say: count.py BUILD/meson-logs/testlog.json...

Names the programs that failed, and what was skipped, and no other.

A program counts as many tests as its own closing line says: "N%: Checks: N, Failures: N, Errors: N" (Check) or
"N passed, N failed". Otherwise it counts as one. "Skipped test: NAME" is one skipped. A log that is missing or empty is a failure.
"""
import json
import os
import re
import sys

CHECK_LINE = re.compile(r'^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$', re.MULTILINE)
SKIPPED_LINE = re.compile(r'^Skipped test: (.*)$', re.MULTILINE)
PLAIN_LINE = re.compile(r'^(\d+) passed, (\d+) failed(?:, \d+ skipped)?$', re.MULTILINE)


def count_output(output):
    """(tests, failures) by the closing lines, or (1, 0)."""
    checks = CHECK_LINE.findall(output)
    plain = PLAIN_LINE.findall(output)
    tests = sum(int(row[0]) for row in checks) + sum(int(row[0]) + int(row[1]) for row in plain)
    failures = sum(int(row[1]) + int(row[2]) for row in checks) + sum(int(row[1]) for row in plain)
    return (tests, failures) if tests else (1, 0)


def count_program(record):
    """(passed, failed, skipped) of one test program."""
    if record['result'] == 'SKIP':
        return 0, 0, 1
    output = record.get('stdout') or ''
    tests, failures = count_output(output)
    if record['result'] not in ('OK', 'EXPECTEDFAIL') and failures == 0:
        failures = 1
    return max(tests - failures, 0), failures, len(SKIPPED_LINE.findall(output))


def worth_telling(record, counts):
    """One line for a program that failed or was skipped whole, and one for each test that it skipped."""
    _, failed, skipped = counts
    if failed or record['result'] == 'SKIP':
        yield f'{record["result"]:8} {record["name"]}, {failed} failed, {record["duration"]:.1f} s'
    elif skipped:
        for name in SKIPPED_LINE.findall(record.get('stdout') or ''):
            yield f'skipped  {record["name"]}: {name}'


def main(paths):
    total = [0, 0, 0]
    for path in paths:
        variant = os.path.basename(os.path.dirname(os.path.dirname(path)))
        try:
            with open(path, encoding='utf-8') as log:
                records = [json.loads(line) for line in log]
        except OSError:
            records = []
        if not records:
            print(f'{variant}: no test has run')
            total[1] += 1
        for record in records:
            counts = count_program(record)
            total = [a + b for a, b in zip(total, counts)]
            for line in worth_telling(record, counts):
                print(f'{variant}: {line}')
    print('{} passed, {} failed, {} skipped'.format(*total))
    return 1 if total[1] or not total[0] else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
