#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks a model exhaustively, and that each of its mutations fails in the way that the model says.

    check.py MODEL.pml

In the head of a model stand the lines
    Check: OPTIONS                          nothing may be found
    Mutation: OPTIONS: KIND: what happens   'assertion' or 'deadlock' must be found
"""

import os
import re
import subprocess
import sys
import tempfile

FOUND_BY_KIND = {"assertion": "assertion violated", "deadlock": "invalid end state"}
DEPTH = "10000000"


def search(model, options, folder):
    """Returns what the verifier printed. It exits with 0 whatever it finds."""
    for command in (["spin", *options, "-a", model], ["cc", "-O2", "-w", "-DSAFETY", "-o", "pan", "pan.c"]):
        process = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 check=False)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{process.stdout}")
    return subprocess.run(["./pan", "-m" + DEPTH], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False).stdout


def is_whole(output):
    return "max search depth too small" not in output and "out of memory" not in output and "errors:" in output


def main():
    model = os.path.abspath(sys.argv[1])
    with open(model, encoding="utf-8") as file:
        head = file.read()
    checks = re.findall(r"^ \* Check:(.*)$", head, re.MULTILINE)
    mutations = re.findall(r"^ \* Mutation: (.*?): (\w+): ", head, re.MULTILINE)
    if not checks or not mutations:
        sys.exit(f"{model} says no checks or no mutations")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for options in checks:
            output = search(model, options.split(), folder)
            right = is_whole(output) and "errors: 0" in output
            states = re.search(r"(\d+) states, stored", output)
            print(f"{'ok  ' if right else 'FAIL'} check {options.strip()}: {states[1] if states else 'no'} states")
            wrong += not right
            if not right:
                print(output)
        for options, kind in mutations:
            output = search(model, options.split(), folder)
            right = FOUND_BY_KIND[kind] in output
            print(f"{'ok  ' if right else 'FAIL'} mutation {options}: {kind} {'found' if right else 'not found'}")
            wrong += not right
            if not right:
                print(output)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
