#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build programs for a sanitizer or a valgrind tool, link them with the library as it is, and check the reports.

Correct programs must have no report. Wrong ones must have one each, so the test can fail.
"""

import argparse
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77
REPORTED = 66
GUIDE = HERE.parent.parent / 'doc' / 'guide'
TITLE = {
    'thread': 'WARNING: ThreadSanitizer: data race',
    'memory': 'WARNING: MemorySanitizer: use-of-uninitialized',
    'helgrind': 'Possible data race',
    'drd': 'Conflicting',
}
PROGRAMS = {
    'thread': ['ordered', 'racy'],
    'memory': ['stored'],
    'helgrind': ['ordered', 'racy'],
    'drd': ['ordered', 'racy'],
}
# Requests to an owner lie on their callers' stacks. Helgrind reports the callers' later uses of the stack.
NOT_USABLE = {('helgrind', 'queue')}
# Under valgrind each scenario takes a second.
FEW = {'wait-for-dec', 'guarded-by-callback', 'written-after-dec'}
# The whole program, or one scenario.
WRONG = {('racy', None), ('stored', 'uninitialised')}


@dataclass
class Program:
    name: str
    command: list
    environment: dict

    def run(self, *arguments):
        scale = float(os.environ.get('TSC_TEST_TIMEOUT_SCALE', '1'))
        return subprocess.run([*self.command, *arguments], env=self.environment, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100 * scale)


def skip(reason):
    print(f'skipped: {reason}')
    sys.exit(SKIPPED)


class Sanitizer:
    """A sanitizer of the compiler."""

    def __init__(self, arguments, directory):
        self.name = arguments.tool
        self.flags = [f'-fsanitize={self.name}']
        if shutil.which(shlex.split(arguments.cc)[0]) is None:
            skip(f'{arguments.cc} is not installed')
        options = f'exitcode={REPORTED}:halt_on_error=0'
        self.environment = {'TSAN_OPTIONS': options, 'MSAN_OPTIONS': options}
        self.wrapper = self.wrapper_that_works(arguments, directory)

    def wrapper_that_works(self, arguments, directory):
        """Return the command prefix for a program: none, or one that disables address randomisation."""
        source, output = Path(directory, 'nothing.c'), Path(directory, 'nothing')
        source.write_text('int main(void) { return 0; }\n', encoding='utf-8')
        if compile_program(arguments, [*self.flags, source, '-o', output]).returncode != 0:
            skip(f'{arguments.cc} builds no program with {self.flags[0]}')
        for wrapper in [], ['setarch', platform.machine(), '-R']:
            try:
                if subprocess.run([*wrapper, output], check=False).returncode == 0:
                    return wrapper
            except FileNotFoundError:
                pass
        return skip(f'programs with {self.flags[0]} do not run here')


class Valgrind:
    """A tool of valgrind, used as the guide says."""

    def __init__(self, arguments, directory):
        hooks = Path(directory, 'hooks.so')
        self.flags = []
        self.environment = {'LD_PRELOAD': str(hooks)}
        self.wrapper = [
            'valgrind', '-q', f'--tool={arguments.tool}', f'--error-exitcode={REPORTED}', '--fair-sched=yes',
            f'--suppressions={GUIDE / "valgrind.supp"}',
        ]
        if shutil.which('valgrind') is None:
            skip('no valgrind')
        options = ['-shared', '-fPIC', f'-DTOOL=<valgrind/{arguments.tool}.h>', '-o', hooks]
        if compile_program(arguments, [*options, GUIDE / 'valgrind.c']).returncode != 0:
            skip(f'no valgrind/{arguments.tool}.h')


def compile_program(arguments, options):
    command = [*shlex.split(arguments.cc), '-std=c11', '-D_GNU_SOURCE', '-g', '-O1', '-fexceptions',
               *shlex.split(arguments.flags), *options]
    return subprocess.run(command, text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def build(arguments, directory, tool, name, sources):
    output = Path(directory, name)
    result = compile_program(arguments, [
        *tool.flags, *sources, '-o', output, *(f'-I{path}' for path in arguments.include), arguments.library,
        f'-Wl,-rpath,{Path(arguments.library).resolve().parent}', '-pthread', *shlex.split(arguments.link_flags)])
    if result.returncode != 0:
        raise SystemExit(result.stdout)
    return Program(name, [*tool.wrapper, output], {**os.environ, **tool.environment})


def problem(program, tool_name, backend, *scenario):
    """Return the failure of a scenario, or None."""
    result = program.run(backend, *scenario)
    if (program.name, None) in WRONG or (program.name, *scenario) in WRONG:
        if result.returncode != REPORTED or TITLE[tool_name] not in result.stderr:
            return f'not reported (exit status {result.returncode})\n{result.stderr}'
    elif result.returncode != 0 or result.stderr:
        return f'exit status {result.returncode}\n{result.stderr}'
    return None


def scenarios_of(program, tool, backend):
    listed = program.run(backend)
    if listed.returncode != 0:
        raise SystemExit(f'{program.name} {backend}: {listed.stderr}')
    scenarios = listed.stdout.split()
    return scenarios if isinstance(tool, Sanitizer) else [name for name in scenarios if name in FEW]


def run_all(arguments, directory):
    """Yield each run, and its failure or None."""
    tool = (Sanitizer if arguments.tool in ('thread', 'memory') else Valgrind)(arguments, directory)
    backends = [name for name in arguments.backends if (arguments.tool, name) not in NOT_USABLE]
    for name in PROGRAMS[arguments.tool]:
        program = build(arguments, directory, tool, name, [HERE / f'{name}.c', HERE / 'scenario.c'])
        for backend in backends:
            for scenario in scenarios_of(program, tool, backend):
                yield f'{name} {backend} {scenario}', problem(program, arguments.tool, backend, scenario)
    if isinstance(tool, Sanitizer):
        operations = build(arguments, directory, tool, 'operations', [HERE.parent / 'operations' / 'operations.c'])
        for backend in arguments.backends:
            yield f'operations {backend}', problem(operations, arguments.tool, backend)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cc', required=True)
    parser.add_argument('--tool', choices=PROGRAMS, required=True)
    parser.add_argument('--library', required=True)
    parser.add_argument('--include', action='append', default=[])
    parser.add_argument('--flags', default='')
    parser.add_argument('--link-flags', default='')
    parser.add_argument('backends', nargs='+')
    arguments = parser.parse_args()

    total, failed = 0, []
    with tempfile.TemporaryDirectory() as directory:
        for run, wrong in run_all(arguments, directory):
            total += 1
            if wrong:
                failed.append(run)
                print(f'{run}: {wrong}', flush=True)
    print(f'{total} runs, {len(failed)} failed: {", ".join(failed)}')
    return 1 if failed or not total else 0


if __name__ == '__main__':
    sys.exit(main())
