#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Start a service, send it SIGTERM once it serves, and expect it to drain, or to time out.

    terminate.py drained|late COMMAND [ARGUMENT]...
"""

import os
import re
import shlex
import subprocess
import sys

PATIENCE_S = 30

# A worker stays in flight a little longer than its request is listed.
EXPECTED = {
    'drained': (r'drained\n', 0),
    'late': (r'late: [1-8]\n(worker \d is in its request \d+\n)*', 1),
}


def main():
    expected, status = EXPECTED[sys.argv[1]]
    command = shlex.split(os.environ.get('MESON_EXE_WRAPPER', '')) + sys.argv[2:]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        started = service.stdout.readline()
        service.terminate()
        try:
            ended, _ = service.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            service.kill()
            sys.exit(f'still running {PATIENCE_S} s after SIGTERM')
    print(started + ended, end='')
    return 0 if started == 'serving\n' and re.fullmatch(expected, ended) and service.returncode == status else 1


if __name__ == '__main__':
    sys.exit(main())
