#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Starts a service, sends it SIGTERM once it serves, and wants it drained.

    terminate.py COMMAND [ARGUMENT]...
"""

import os
import shlex
import subprocess
import sys

PATIENCE_S = 30


def main():
    command = shlex.split(os.environ.get('MESON_EXE_WRAPPER', '')) + sys.argv[1:]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        started = service.stdout.readline()
        service.terminate()
        try:
            ended, _ = service.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            service.kill()
            sys.exit(f'still running {PATIENCE_S} s after SIGTERM')
    print(started + ended, end='')
    return 0 if (started, ended, service.returncode) == ('serving\n', 'drained\n', 0) else 1


if __name__ == '__main__':
    sys.exit(main())
