#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles each public header alone, twice over, as C99, C11 and C++11, and as the newest C and C++ that the compiler
has, with all warnings as errors.

Takes the compilers of the build and, where there are any, gcc, g++, clang and clang++ beside them.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

WARNINGS = ['-pedantic-errors', '-Wall', '-Wextra', '-Werror', '-Wshadow', '-Wundef', '-Wconversion']
LANGUAGES = {
    'c': (['c99', 'c11'], ['c2x', 'c17'], ['-Wstrict-prototypes'], ['gcc', 'clang']),
    'c++': (['c++11'], ['c++20', 'c++17'], ['-Wold-style-cast'], ['g++', 'clang++']),
}

# What guard.h offers, used twice in a scope, over a header that was included before.
SCOPES = '''
#include <tscounter/tscounter.h>
#include <tscounter/guard.h>
#include <tscounter/guard.h>

int use(tsc_counter_t *counter);

int use(tsc_counter_t *counter)
{
    TSC_SCOPED_INC(counter);
    TSC_SCOPED_INC(counter);
    TSC_SCOPED_INC_OK(first, counter);
    TSC_SCOPED_INC_OK(second, counter);
    return tsc_guard_error(&first) + tsc_guard_error(&second);
}
'''

# What the flags must refuse, or nothing that they accept means anything.
REFUSED = {
    'an extension': 'extern int none[]; int none[0];\n',
    'an unused parameter': 'int use(int unused);\nint use(int unused) { return 0; }\n',
    'an undeclared type': '#include <tscounter/macros.h>\nTSC_API int use(tsc_counter_t *counter);\n',
}


def compiles(compiler, language, standard, extra, includes, source):
    command = [*compiler, f'-std={standard}', *WARNINGS, *extra, '-O2', *includes, '-x', language,
               '-c', '-o', '/dev/null', '-']
    result = subprocess.run(command, input=source, text=True, stderr=subprocess.PIPE)
    return result.returncode == 0, result.stderr


def sources(headers):
    for header in headers:
        include = f'#include <tscounter/{header.name}>\n'
        yield header.name, include * 2 + 'typedef int not_empty;\n', True
    yield 'scopes', SCOPES, True
    for what, source in REFUSED.items():
        yield what, source, False


def standards_of(compiler, kind):
    always, newest, *_ = LANGUAGES[kind]
    return always + [next(name for name in newest if compiles(compiler, kind, name, [], [], 'typedef int a;\n')[0])]


def check(compiler, kind, standards, includes, headers):
    extra = LANGUAGES[kind][2]
    for standard in standards:
        for what, source, expected in sources(headers):
            accepted, messages = compiles(compiler, kind, standard, extra, includes, source)
            if accepted != expected:
                yield f'{shlex.join(compiler)} -std={standard}: {what}: accepted: {accepted}\n{messages}'


def compilers(kind, of_the_build, others):
    found = [shlex.split(of_the_build)] if of_the_build else []
    names = LANGUAGES[kind][3] if others else []
    return found + [[name] for name in names if shutil.which(name) and [name] not in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cc', required=True, help='the C compiler of the build')
    parser.add_argument('--cxx', default='', help='its C++ compiler')
    parser.add_argument('--others', action='store_true', help='try other compilers as well')
    parser.add_argument('--include', action='append', default=[])
    parser.add_argument('headers', nargs='+', type=Path)
    arguments = parser.parse_args()

    includes = [f'-I{directory}' for directory in arguments.include]
    problems = []
    for kind, of_the_build in (('c', arguments.cc), ('c++', arguments.cxx)):
        for compiler in compilers(kind, of_the_build, arguments.others):
            standards = standards_of(compiler, kind)
            found = list(check(compiler, kind, standards, includes, arguments.headers))
            print(f'{shlex.join(compiler)}, {" ".join(standards)}: {len(found)} problems')
            problems += found
    print('\n'.join(problems))
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
