#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run each script of the project with --help and with bad arguments: scripts.py SOURCE_ROOT

Neither may do more than print: --help exits with 0, an unknown option or argument with 2.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

FOLDERS = ('.ci', 'doc', 'packaging', 'test')
NOT_TRIED = ('packaging/debian/rules',)  # a makefile, for debhelper
TIMEOUT = 10 * float(os.environ.get('TSC_TEST_TIMEOUT_SCALE', '1'))
TIMED_OUT = 'timed out'


def scripts(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob('*')):
            name = str(path.relative_to(root))
            if path.is_file() and os.access(path, os.X_OK) and name not in NOT_TRIED:
                yield name


def run(root, name, *arguments):
    """Return the exit status, or TIMED_OUT, the output, and standard error."""
    process = subprocess.Popen([root / name, *arguments], cwd=root, text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        output, errors = process.communicate(timeout=TIMEOUT)
        return process.returncode, output, errors
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return TIMED_OUT, '', ''


def complaints(root, name):
    for option in ('--help', '-h'):
        status, output, errors = run(root, name, option)
        if status != 0 or not output.strip() or errors:
            yield f'{name} {option}: {status}\n{output}{errors}'
    for arguments in (['--nope'], ['-x'], ['nope'] * 7):
        status, output, errors = run(root, name, *arguments)
        if status != 2 or output or not errors:
            yield f'{name} {" ".join(arguments)}: {status}\n{output}{errors}'


def main():
    root = Path(sys.argv[1])
    names = list(scripts(root))
    before = sorted(os.listdir(root))
    found = [complaint for name in names for complaint in complaints(root, name)]
    if sorted(os.listdir(root)) != before:
        found.append(f'files were created: {set(os.listdir(root)) - set(before)}')
    print('\n'.join(found))
    print(f'{len(names)} scripts, {len(found)} complaints')
    return 1 if found or not names else 0


if __name__ == '__main__':
    sys.exit(main())
