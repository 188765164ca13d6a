#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build a meson project that falls back to the library as its subproject, and run its program.

Only the library may be built and installed for it: no tests, no program, no pages.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

PROJECT = '''
project('consumer', 'c')
library = dependency('libtscounter', version: '{version}', fallback: 'libtscounter')
test('consumer', executable('consumer', 'consumer.c', dependencies: library))
'''

OF_THE_LIBRARY = ('libtscounter.', 'tscounter.h', 'attr.h', 'guard.h', 'macros.h', 'metrics.h', 'owner.h', 'version.h')


def run(*command):
    print('+', shlex.join(map(str, command)), flush=True)
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def write_project(directory, arguments):
    (directory / 'subprojects').mkdir(parents=True)
    (directory / 'subprojects/libtscounter').symlink_to(arguments.source)
    (directory / 'consumer.c').write_text((HERE / 'consumer.c').read_text())
    (directory / 'meson.build').write_text(PROJECT.format(version=arguments.version))


def check(what, unexpected):
    if unexpected:
        raise SystemExit(f'{what}: {unexpected}')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--meson', type=shlex.split, required=True)
    parser.add_argument('--source', required=True, help='of the library')
    parser.add_argument('--version', required=True, help='of the library')
    parser.add_argument('--cc', required=True)
    arguments = parser.parse_args()

    os.environ['CC'] = arguments.cc
    with tempfile.TemporaryDirectory() as temporary:
        source, build, stage = (Path(temporary) / name for name in ('source', 'build', 'stage'))
        write_project(source, arguments)
        run(*arguments.meson, 'setup', '--wrap-mode=forcefallback', build, source)
        run(*arguments.meson, 'compile', '-C', build)
        run(*arguments.meson, 'test', '-C', build, '--no-rebuild', 'consumer:')
        tests = json.loads(run(*arguments.meson, 'introspect', '--tests', build))
        check('tests of the library', [test['name'] for test in tests if test['name'] != 'consumer'])
        run(*arguments.meson, 'install', '-C', build, '--no-rebuild', '--quiet', '--destdir', stage)
        installed = [path for path in stage.rglob('*') if not path.is_dir()]
        check('is installed', [path for path in installed if not path.name.startswith(OF_THE_LIBRARY)])


if __name__ == '__main__':
    sys.exit(main())
