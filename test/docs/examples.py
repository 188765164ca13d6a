#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compile and run the examples of a manual page or a guide, and compare their output with the one shown. For a
program among the examples, try the line that builds it. A header has one program in its opening.

On a page a literal block that includes a header is a program. If the next block includes none, it is the program's
output. Lines of tscounter(1) are run by the shell, with a small load. The replacements in tscounter(7)'s migration
table are compiled too. markdown.py says how a guide marks its blocks. Quotations are compared with their files,
and linked files must exist.
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
from dataclasses import dataclass
from pathlib import Path

from markdown import Guide, is_excerpt
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

static int make_bounded(tsc_counter_t **n)
{{
    tsc_counter_attr_t *attr;

    if (tsc_counter_attr_create(&attr) != 0)
        return -1;
    tsc_counter_attr_set_bounds(attr, -100, 100, TSC_BOUNDS_REJECT);
    if (tsc_counter_create(n, TSC_BACKEND_MUTEX, attr) != 0)
        return -1;
    tsc_counter_attr_destroy(attr);
    return 0;
}}

static int failed;

#define TRY(call) \\
    do {{ \\
        tsc_counter_t *n; \\
        if (make_bounded(&n) != 0 || (call) < 0) {{ \\
            puts(#call); \\
            failed = 1; \\
        }} \\
        tsc_counter_unref(n); \\
    }} while (0)

int main(void)
{{
    const int64_t ns = 1000000000;
    int64_t d = 2, id = 0, last = 0, old = 0, v = 0;
    void *arg = &d;

{calls}
    printf("%lld\\n", (long long)(id + last + old + v + ns));
    return failed;
}}
'''

# The reader's tools, as the examples call them: tscounter with a small load, the compilers of the build, and a
# pkg-config that finds the built library.
STAND_INS = {
    'tscounter': '''#!/bin/sh
count=$#
while [ $count -gt 0 ]; do
    case $1 in
    --threads | --ops | --seconds) shift 2; count=$((count - 2)) ;;
    *) set -- "$@" "$1"; shift; count=$((count - 1)) ;;
    esac
done
case $1 in
stress) set -- "$@" --threads 20 --ops 50 ;;
bench) set -- "$@" --threads 2 --seconds 1 ;;
esac
{program} "$@" || {{ echo "tscounter $*: $?" >>{failures}; exit 1; }}
''',
    'cc': '#!/bin/sh\nPATH={path} exec {cc} "$@"\n',
    'c++': '#!/bin/sh\nPATH={path} exec {cxx} "$@"\n',
    'pkg-config': '#!/bin/sh\necho {library_flags}\n',
}

PROBE_OF_THREAD_SANITIZER = '''
echo 'int main(void) { return 0; }' >probe.c
cc -fsanitize=thread probe.c -o probe
./probe
'''

PROBE_OF_DEBUGGER = 'gdb -batch -ex run --args true | grep "exited normally"'

# The verdict of tscounter stress on the int, which varies from run to run.
VERDICT = re.compile(r'^The racy int .*$', flags=re.M)


class Skipped(Exception):
    pass


@dataclass(frozen=True)
class Output:
    text: str
    is_exact: bool = True

    def pattern(self, text):
        """Its numbers come from another run."""
        return re.sub(r'-?\d+(\.\d+)?', 'N', VERDICT.sub('N', text)).split()

    def compare(self, printed):
        if printed != self.text if self.is_exact else self.pattern(printed) != self.pattern(self.text):
            raise SystemExit(f'printed:\n{printed}\ndiffers from the output shown:\n{self.text}')


@dataclass
class Program:
    source: str
    language: str
    name: str = 'example'  # without the suffix
    output: Output = None

    def uses_library(self):
        return 'tscounter' in self.source or self.language == 'python'

    def try_out(self, tools):
        tools.compiler.try_out(self)


@dataclass
class Commands:
    text: str
    output: Output = None

    def try_out(self, tools):
        tools.shell.try_out(self)


def migration(page):
    calls = re.findall(r' Ta Li (tsc_\S+\(.*\))$', page.sections['MIGRATION'], flags=re.M)
    if not calls:
        raise SystemExit('MIGRATION has no replacements')
    return MIGRATION.format(calls='\n'.join(f'    TRY({plain(call)});' for call in calls))


def of_page(page):
    """The programs of a page, with the output that it shows for each."""
    found = []
    for block in page.literal_blocks('EXAMPLES'):
        if '#include' in block:
            found.append(Program(block, 'cpp' if 'tsc::' in block else 'c'))
        elif found and found[-1].output is None:
            found[-1].output = Output(block)
        else:
            raise SystemExit(f'neither a program nor its output:\n{block}')
    if page.literal_blocks('DESCRIPTION'):
        raise SystemExit('a literal block under DESCRIPTION is not tested: move it to EXAMPLES')
    found += [Commands(command) for command in page.commands('EXAMPLES')]
    for example in found:
        if isinstance(example, Commands) and words(example.text)[0] != 'tscounter':
            raise SystemExit('not a command of tscounter')
    if 'MIGRATION' in page.sections:
        found.append(Program(migration(page), 'c'))
    return found


def check_quotation(block, file):
    quoted = file.read_text()
    if block.language == 'table':
        lines = quoted.splitlines()
        is_same = all(row in lines for row in block.text.splitlines())
    elif block.is_quoted_in_part():
        is_same = is_excerpt(block.text, quoted)
    else:
        is_same = block.text == quoted
    if not is_same:
        raise SystemExit(f'differs from {file}:\n{block.text}')


def example_of(block):
    if block.language == 'sh':
        return Commands(block.text)
    if not block.name():
        raise SystemExit(f'a program without a file name:\n{block.text}')
    return Program(block.text, block.language, Path(block.name()).stem)


def show_output(found, block):
    printers = found[-2:] if block.introduction.startswith('Both ') else found[-1:]
    if not printers or any(printer.output for printer in printers):
        raise SystemExit(f'no program before it prints this:\n{block.text}')
    for printer in printers:
        printer.output = Output(block.text, block.is_exact())


def of_guide(guide, folder):
    found = []
    for block in guide.blocks():
        if block.quoted_file():
            check_quotation(block, folder / block.quoted_file())
        if block.language == 'text':
            show_output(found, block)
        elif not block.is_quoted_in_part():
            found.append(example_of(block))
    missing = [link for link in guide.links() if not (folder / link).exists()]
    if missing:
        raise SystemExit(f'leads nowhere: {missing}')
    return found


def of_example(file):
    """The line that builds it, from the comment at its top."""
    found = re.findall(r'^ \*     (cc .*)$', file.read_text(), flags=re.M)
    if len(found) != 1:
        raise SystemExit(f'{len(found)} lines build {file}, not one')
    return [Commands(f'cp {shlex.quote(str(file.resolve()))} .\n{found[0]}\ntest -x {file.stem}')]


def of_header(file):
    """The program in its opening."""
    opening = file.read_text().partition('#ifndef')[0]
    found = re.findall(r'^ \* @code\{\.c\}\n(.*?)^ \* @endcode$', opening, flags=re.M | re.S)
    return [Program(re.sub(r'^ \* ?', '', code, flags=re.M), 'c') for code in found]


def leave_a_signal_pending():
    """For a program that waits for SIGTERM: it is blocked, so it cannot come too early."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    os.kill(os.getpid(), signal.SIGTERM)


def skip_if_it_takes(example, absent):
    """An example is a text, or its words."""
    for backend in absent:
        if backend in example:
            raise Skipped(f'{backend} is not part of this build')


class Compiler:
    def __init__(self, arguments, directory):
        self.arguments = arguments
        self.directory = directory

    def library_flags(self):
        return [*(f'-I{include}' for include in self.arguments.include), *self.arguments.compile_flags,
                str(self.arguments.library), '-pthread', *self.arguments.link_flags]

    def compile(self, program):
        compiler = {'c': self.arguments.cc, 'cpp': self.arguments.cxx}[program.language]
        if not compiler:
            raise Skipped('no C++ compiler')
        file = self.directory / f'{program.name}.{program.language}'
        file.write_text(program.source)
        standard = {'c': '-std=gnu11', 'cpp': '-std=gnu++11'}[program.language]
        subprocess.run([*shlex.split(compiler), standard, *WARNINGS, file, '-o', file.with_suffix(''),
                        *(self.library_flags() if program.uses_library() else ['-O2', '-pthread'])], check=True)
        return [file.with_suffix('')]

    def interpret(self, program):
        file = self.directory / f'{program.name}.py'
        file.write_text(program.source)
        if self.arguments.library.suffix == '.a' or '-fsanitize' in ' '.join(self.arguments.compile_flags):
            raise Skipped('Python cannot load the library of this build')
        return [sys.executable, file]

    def try_out(self, program):
        command = self.interpret(program) if program.language == 'python' else self.compile(program)
        if not self.arguments.run:
            raise Skipped('programs for another machine are only compiled')
        for part in self.arguments.without:
            skip_if_it_takes(program.source, [f'TSC_BACKEND_{part}', f'tscounter.{part}', f'"{part.lower()}"',
                                              f'tsc_{part.lower()}_'])
        result = subprocess.run(
            command, check=False, timeout=TIMEOUT, text=True, stdout=subprocess.PIPE, cwd=self.directory,
            env={**os.environ, 'LD_LIBRARY_PATH': str(self.arguments.library.parent)},
            preexec_fn=leave_a_signal_pending if 'sigwait(' in program.source else None)
        if result.returncode != 0:
            raise SystemExit(f'ended with {result.returncode}, and had printed:\n{result.stdout}\n'
                             f'{program.source}')
        if program.output:
            program.output.compare(result.stdout)


def words(command):
    return list(shlex.shlex(command, posix=True, punctuation_chars=True))


class Shell:
    def __init__(self, arguments, directory, compiler):
        self.arguments = arguments
        self.directory = directory
        self.absent = [backend.lower() for backend in arguments.without]
        self.failures = directory / 'failures'
        tools = directory / 'tools'
        self.environment = {**os.environ, 'PATH': f'{tools}:{os.environ["PATH"]}',
                            'LD_LIBRARY_PATH': str(arguments.library.parent)}
        tools.mkdir()
        for name, text in STAND_INS.items():
            stand_in = tools / name
            stand_in.write_text(text.format(program=shlex.quote(str(arguments.program)),
                                            failures=shlex.quote(str(self.failures)),
                                            path=shlex.quote(os.environ['PATH']), cc=arguments.cc,
                                            cxx=arguments.cxx, library_flags=shlex.join(compiler.library_flags())))
            stand_in.chmod(0o755)

    def run(self, command, **options):
        return subprocess.run(['sh', '-ec', command], cwd=self.directory, env=self.environment, timeout=TIMEOUT,
                              text=True, **options)

    def succeeds(self, probe):
        return self.run(probe, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def skip_if_it_cannot_be(self, commands):
        if not self.arguments.run:
            raise Skipped('programs for another machine are only compiled')
        parts = words(commands.text)
        skip_if_it_takes(parts, self.absent)
        if 'tscounter' in parts and not self.arguments.program:
            raise Skipped('tscounter is not part of this build')
        if 'tscounter' in parts and commands.output and self.arguments.without:
            raise Skipped('the output shown is for all backends')
        for before, tool in zip(parts, parts[1:]):
            if before == '|' and not shutil.which(tool):
                raise Skipped(f'{tool} is missing')
        if '-fsanitize=thread' in parts and not self.succeeds(PROBE_OF_THREAD_SANITIZER):
            raise Skipped('no ThreadSanitizer')
        if 'gdb' in parts and not self.succeeds(PROBE_OF_DEBUGGER):
            raise Skipped('no gdb that may run a program')

    def try_out(self, commands):
        print('$', commands.text, flush=True)
        self.skip_if_it_cannot_be(commands)
        result = self.run(commands.text, check=True, stdout=subprocess.PIPE)
        print(result.stdout, flush=True)
        if self.failures.exists():
            raise SystemExit(self.failures.read_text())
        if commands.output:
            commands.output.compare(result.stdout)
        elif words(commands.text)[0] == 'tscounter' and not result.stdout.strip():
            raise SystemExit('it printed nothing')


class Tools:
    def __init__(self, arguments, directory):
        self.compiler = Compiler(arguments, directory)
        self.shell = Shell(arguments, directory, self.compiler)


def is_skipped(example, tools):
    try:
        example.try_out(tools)
    except Skipped as reason:
        print(f'skipped: {reason}')
        return True
    return False


def check(arguments, directory):
    page = arguments.page
    if page.suffix == '.c':
        found = of_example(page)
    elif page.suffix == '.h':
        found = of_header(page)
    elif page.suffix == '.md':
        found = of_guide(Guide(page.read_text()), page.parent)
    else:
        found = of_page(Page(page.read_text()))
    if not found and page.suffix != '.md':
        raise SystemExit('no examples')
    tools = Tools(arguments, directory)
    skipped = sum(is_skipped(example, tools) for example in found)
    print(f'examples: {len(found)}, skipped: {skipped}')
    return SKIPPED if skipped else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cc', required=True)
    parser.add_argument('--cxx', default='')
    parser.add_argument('--compile-flags', type=shlex.split, default=[])
    parser.add_argument('--link-flags', type=shlex.split, default=[])
    parser.add_argument('--include', action='append', default=[])
    parser.add_argument('--no-run', dest='run', action='store_false', help='for another machine')
    parser.add_argument('--without', action='append', default=[], help='a backend, or METRICS, that is not part of the build')
    parser.add_argument('--program', type=os.path.abspath, help='tscounter')
    parser.add_argument('library', type=lambda path: Path(path).absolute())
    parser.add_argument('page', type=Path)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as directory:
        sys.exit(check(arguments, Path(directory)))


if __name__ == '__main__':
    main()
