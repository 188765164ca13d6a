#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check a model exhaustively, and that each of its mutations fails as the model says.

    check.py MODEL.pml

The comment at the top of a model has these lines:
    Check: OPTIONS                          no error may be found
    Mutation: OPTIONS: KIND: what happens   'assertion' or 'deadlock' must be found
"""

import argparse
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

FOUND_BY_KIND = {
    'assertion': 'pan:1: assertion violated',
    'deadlock': 'pan:1: invalid end state',
}
DEPTH = 100_000
HASH_BITS = 20
MEMORY_MB = 1500
# CPU time, so a busy machine does not exceed it. The limit holds even if this program is killed.
SECONDS = 120 * int(os.environ.get('TSC_TEST_TIMEOUT_SCALE', '1'))


def bounded():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def run(command, folder):
    process = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             check=False, preexec_fn=bounded)
    if process.returncode != 0:
        sys.exit(f'{" ".join(command)} ended with {process.returncode}, limit {SECONDS} s:\n{process.stdout}')
    return process.stdout


def search(model, options, folder):
    """Return the output of the verifier. It exits with 0 whatever it finds."""
    run(['spin', *options.split(), '-a', model], folder)
    # Optimisation would take longer than it saves.
    run(['cc', '-O0', '-w', '-DSAFETY', f'-DMEMLIM={MEMORY_MB}', '-o', 'pan', 'pan.c'], folder)
    return run(['./pan', f'-m{DEPTH}', f'-w{HASH_BITS}'], folder)


def is_whole(output):
    return not re.search('max search depth too small|out of memory|Search not completed', output)


def report(right, what, began, output):
    print(f'{"ok  " if right else "FAIL"} {what}, {time.monotonic() - began:.1f} s', flush=True)
    if not right:
        print(output)
    return right


def check(model, options, folder):
    began = time.monotonic()
    output = search(model, options, folder)
    states = re.search(r'(\d+) states, stored', output)
    right = is_whole(output) and 'errors: 0' in output and states is not None
    return report(right, f'check{options}: {states[1] if states else "no"} states', began, output)


def mutate(model, options, kind, folder):
    began = time.monotonic()
    output = search(model, options, folder)
    right = FOUND_BY_KIND[kind] in output
    return report(right, f'mutation {options}: {kind} {"found" if right else "not found"}', began, output)


def main():
    # Raise an exception, which ends the running command.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', metavar='MODEL.pml', type=os.path.abspath)
    model = parser.parse_args().model
    with open(model, encoding='utf-8') as file:
        text = file.read()
    checks = re.findall(r'^ \* Check:(.*)$', text, re.MULTILINE)
    mutations = re.findall(r'^ \* Mutation: (.*?): (\w+): ', text, re.MULTILINE)
    if not checks or not mutations:
        sys.exit(f'{model} has no checks or no mutations')
    with tempfile.TemporaryDirectory() as folder:
        results = [check(model, options, folder) for options in checks]
        results += [mutate(model, options, kind, folder) for options, kind in mutations]
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
