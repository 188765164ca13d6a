#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the instructions of an increment with callgrind, which is exactly repeatable. Fail above a limit.

    count.py PROGRAM BACKEND LIMIT

Two runs of different lengths: their common part (start, creation, end) cancels out. valgrind has no restartable
sequences, so the per-CPU backend is measured with atomic additions.
"""

import os
import re
import subprocess
import sys
import tempfile

SHORT = 2000
LONG = 12000


def instructions_of_run(program, backend, increments):
    with tempfile.TemporaryDirectory() as folder:
        profile = os.path.join(folder, "profile")
        process = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", "--toggle-collect=tsc_counter_inc",
             program, backend, str(increments)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if process.returncode != 0:
            sys.exit(f"{program} failed:\n{process.stdout}")
        with open(profile, encoding="utf-8") as file:
            totals = re.search(r"^(?:summary|totals): (\d+)", file.read(), re.MULTILINE)
    if not totals or int(totals[1]) == 0:
        sys.exit("callgrind found no call of tsc_counter_inc")
    return int(totals[1])


def main():
    program, backend, limit = sys.argv[1], sys.argv[2], float(sys.argv[3])
    difference = instructions_of_run(program, backend, LONG) - instructions_of_run(program, backend, SHORT)
    each = difference / (LONG - SHORT)
    print(f"{backend}: {each:.2f} instructions for each increment; the limit is {limit:g}")
    return 0 if 1 < each <= limit else 1


if __name__ == "__main__":
    sys.exit(main())
