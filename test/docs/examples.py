#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles and runs the examples of a manual page, and compares what they print with what the page shows.

A literal block that includes a header is a program; the one behind it, if it includes none, is what it prints.
Lines of tscounter(1) are given to the shell, with a small load. What tscounter(7) tells to write instead of
something else is tried out too.
"""

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from mdoc import Page, plain

WARNINGS = ['-Wall', '-Wextra', '-Werror']
TIMEOUT = 60 * float(os.environ.get('TSC_TEST_TIMEOUT_SCALE', '1'))
SKIPPED = 77

MIGRATION = '''
#include <stdio.h>
#include <tscounter/tscounter.h>

static int update(int64_t *value, void *arg)
{{
    *value += *(int64_t *)arg;
    return 0;
}}

static int failed;

#define TRY(call) \\
    do {{ \\
        tsc_counter_t *n; \\
        if (tsc_counter_create(&n, TSC_BACKEND_MUTEX, NULL) != 0 || (call) < 0) {{ \\
            puts(#call); \\
            failed = 1; \\
        }} \\
        tsc_counter_unref(n); \\
    }} while (0)

int main(void)
{{
    int64_t d = 2, id = 0, last = 0, old = 0, v = 0;
    void *arg = &d;

{calls}
    printf("%lld\\n", (long long)(id + last + old + v));
    return failed;
}}
'''

# tscounter, as it is in the examples of its page, but quick.
TSCOUNTER = '''#!/bin/sh
case $1 in
stress) set -- "$@" --threads 20 --ops 50 ;;
bench) set -- "$@" --threads 2 --seconds 1 ;;
esac
{program} "$@" || {{ echo "tscounter $*: $?" >>{failures}; exit 1; }}
'''


class Skipped(Exception):
    pass


def programs(blocks):
    """Pairs of a program and what it is to print, or None where the page does not show it."""
    found = []
    for block in blocks:
        if '#include' in block:
            found.append([block, None])
        elif found and found[-1][1] is None:
            found[-1][1] = block
        else:
            raise SystemExit(f'neither a program nor what one prints:\n{block}')
    return found


def migration(page):
    calls = re.findall(r' Ta Li (tsc_\S+\(.*\))$', page.sections['MIGRATION'], flags=re.M)
    if not calls:
        raise SystemExit('MIGRATION says nothing of what to write')
    return MIGRATION.format(calls='\n'.join(f'    TRY({plain(call)});' for call in calls))


def leave_a_signal_pending():
    """For a program that waits for it: it is blocked, so it cannot come too early."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    os.kill(os.getpid(), signal.SIGTERM)


def skip_if_it_takes(example, absent):
    for backend in absent:
        if backend in example:
            raise Skipped(f'{backend} is not part of this build')


class Compiler:
    def __init__(self, arguments, directory):
        self.arguments = arguments
        self.directory = directory

    def compile(self, source):
        is_cpp = 'tsc::' in source
        command = shlex.split(self.arguments.cxx if is_cpp else self.arguments.cc)
        if not command:
            raise Skipped('there is no C++ compiler')
        file = self.directory / ('example.cpp' if is_cpp else 'example.c')
        file.write_text(source)
        program = self.directory / 'example'
        includes = [f'-I{include}' for include in self.arguments.include]
        subprocess.run([*command, '-std=gnu++11' if is_cpp else '-std=gnu11', *WARNINGS, *includes,
                        *self.arguments.compile_flags, file, '-o', program,
                        self.arguments.library, '-pthread', *self.arguments.link_flags], check=True)
        return program

    def run(self, program, source):
        if not self.arguments.run:
            raise Skipped('programs for another machine are only compiled')
        skip_if_it_takes(source, (f'TSC_BACKEND_{backend}' for backend in self.arguments.without))
        result = subprocess.run(
            [program], check=False, timeout=TIMEOUT, text=True, stdout=subprocess.PIPE,
            env={**os.environ, 'LD_LIBRARY_PATH': str(self.arguments.library.parent)},
            preexec_fn=leave_a_signal_pending if 'sigwait(' in source else None)
        if result.returncode != 0:
            raise SystemExit(f'ended with {result.returncode}, and had printed:\n{result.stdout}\n{source}')
        return result.stdout

    def try_out(self, source, expected):
        printed = self.run(self.compile(source), source)
        if expected is not None and printed != expected:
            raise SystemExit(f'printed:\n{printed}\nis not what the page shows:\n{expected}')


def words(command):
    return list(shlex.shlex(command, posix=True, punctuation_chars=True))


class Shell:
    def __init__(self, arguments, directory):
        self.directory = directory
        self.absent = [f'--backend {backend.lower()}' for backend in arguments.without]
        self.failures = directory / 'failures'
        self.environment = {**os.environ, 'PATH': f'{directory}:{os.environ["PATH"]}'}
        stand_in = directory / 'tscounter'
        stand_in.write_text(TSCOUNTER.format(program=shlex.quote(str(arguments.program)),
                                             failures=shlex.quote(str(self.failures))))
        stand_in.chmod(0o755)

    def try_out(self, command):
        print('$', command, flush=True)
        parts = words(command)
        if parts[0] != 'tscounter':
            raise SystemExit('no command of tscounter')
        skip_if_it_takes(command, self.absent)
        for before, tool in zip(parts, parts[1:]):
            if before == '|' and not shutil.which(tool):
                raise Skipped(f'{tool} is missing')
        result = subprocess.run(['sh', '-c', command], cwd=self.directory, env=self.environment, check=True,
                                timeout=TIMEOUT, text=True, stdout=subprocess.PIPE)
        print(result.stdout, flush=True)
        if self.failures.exists():
            raise SystemExit(self.failures.read_text())
        if not result.stdout.strip():
            raise SystemExit('it printed nothing')


def is_skipped(try_out, *example):
    try:
        try_out(*example)
    except Skipped as reason:
        print(f'skipped: {reason}')
        return True
    return False


def check(arguments, directory):
    page = Page(arguments.page.read_text())
    commands = page.commands('EXAMPLES')
    found = programs(page.literal_blocks('EXAMPLES'))
    if len(found) + len(commands) == 0:
        raise SystemExit('no examples')
    if page.literal_blocks('DESCRIPTION'):
        raise SystemExit('a literal block under DESCRIPTION is not tried out: move it to EXAMPLES')
    if 'MIGRATION' in page.sections:
        found.append([migration(page), None])
    compiler = Compiler(arguments, directory)
    shell = Shell(arguments, directory)
    skipped = 0
    for source, expected in found:
        skipped += is_skipped(compiler.try_out, source, expected)
    for command in commands:
        skipped += is_skipped(shell.try_out, command)
    print(f'programs: {len(found)}, commands: {len(commands)}, skipped: {skipped}')
    return SKIPPED if skipped else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cc', required=True)
    parser.add_argument('--cxx', default='')
    parser.add_argument('--compile-flags', type=shlex.split, default=[])
    parser.add_argument('--link-flags', type=shlex.split, default=[])
    parser.add_argument('--include', action='append', default=[])
    parser.add_argument('--no-run', dest='run', action='store_false', help='for another machine')
    parser.add_argument('--without', action='append', default=[], help='a backend that is not part of the build')
    parser.add_argument('--program', type=os.path.abspath, help='tscounter')
    parser.add_argument('library', type=Path)
    parser.add_argument('page', type=Path)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as directory:
        sys.exit(check(arguments, Path(directory)))


if __name__ == '__main__':
    main()
