#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Explore a scenario with the library's own code.

    check.py SOURCE_ROOT BUILD_ROOT SCENARIO.cpp COMPILER...
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from translate import translate

# -fpermissive: in C, void * converts to any pointer.
OPTIONS = ['-std=gnu++20', '-O1', '-w', '-fpermissive', '-D_GNU_SOURCE']


def main():
    root, build, scenario, *compiler = sys.argv[1:]
    root = Path(root)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        translate(root, folder / 'src')
        program = folder / 'scenario'
        compiled = subprocess.run(
            [*compiler, *OPTIONS, '-I', Path(scenario).parent, '-I', folder / 'src', '-I', root / 'include',
             '-I', Path(build) / 'include', '-I', Path(build) / 'src', '-o', program, scenario], check=False)
        return compiled.returncode or subprocess.run([program], check=False).returncode


if __name__ == '__main__':
    sys.exit(main())
