#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs test/mutate/run on a project of one file, with one mutation for each way to end.

    self-test.py RUN
"""

import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

PROJECT = """\
project('sum', 'c')
test('sum', executable('sum', 'sum.c'), suite: 'unit')
"""
SOURCE = """\
#include <unistd.h>

int main(void)
{
    int sum = 1;
    int unused = 0;

    (void)unused;
    sum += 2;
    return sum == 3 ? 0 : 1;
}
"""


def mutation(name, old, new, more=''):
    return f'mutation: {name}\nfile: sum.c\ntest: unit/sum\n{more}old:\n{old}new:\n{new}end\n'


RIGHT = mutation('is-found', '    sum += 2;\n', '    sum -= 2;\n')
HANGS = mutation('hangs', '    sum += 2;\n', '    for (;;)\n        ;\n', 'ends: hangs\nlimit: 2\n')
SURVIVES = mutation('survives', '    int unused = 0;\n', '    int unused = 1;\n')
UNEXPECTED_HANG = mutation('hangs-too', '    sum += 2;\n', '    for (;;)\n        ;\n', 'limit: 2\n')
NO_HANG = mutation('does-not-hang', '    sum += 2;\n', '    sum -= 2;\n', 'ends: hangs\nlimit: 2\n')
LEAVES = mutation('leaves-a-child', '    sum += 2;\n', '    if (fork() == 0)\n        setpgid(0, 0);\n    for (;;)\n        ;\n',
                  'ends: hangs\nlimit: 2\n')
NOT_C = mutation('is-not-c', '    sum += 2;\n', '    sum +=;\n')
NOT_THERE = mutation('is-gone', '    sum += 4;\n', '    sum -= 4;\n')
OFTEN = mutation('is-there-often', '\n', '')
NO_CHANGE = mutation('changes-nothing', '    sum += 2;\n', '    sum += 2;\n')
NO_TEST = RIGHT.replace('unit/sum', 'unit/product').replace('is-found', 'has-no-test')

# The list, the arguments, the exit status, and patterns of the output.
ROWS = [
    (RIGHT + HANGS, [], 0, ['^ok   unchanged: ', '^ok   is-found: ', '^ok   hangs: ', '^3 passed, 0 failed$']),
    (LEAVES, [], 0, ['^2 passed, 0 failed$']),
    (RIGHT + SURVIVES, [], 1, ['^FAIL survives: SURVIVES', '^2 passed, 1 failed$']),
    (UNEXPECTED_HANG + NO_HANG, [], 1, ['^FAIL hangs-too: ', '^FAIL does-not-hang: ', ', 2 failed$']),
    (NOT_C + NOT_THERE, [], 1, ['^FAIL is-not-c: cannot', '^FAIL is-gone: cannot', ', 2 failed$']),
    (NO_TEST, [], 1, ['there is no test unit/product', ', 1 failed$']),
    (RIGHT + SURVIVES, ['is-*'], 0, ['^2 passed, 0 failed$']),
    (RIGHT + HANGS, ['--check'], 0, ['^2 passed, 0 failed$']),
    (RIGHT + NOT_THERE, ['--check'], 1, ['is-gone: the old text occurs 0 times', '^1 passed, 1 failed$']),
    (OFTEN, ['--check'], 1, [r'is-there-often: the old text occurs 11 times']),
    (RIGHT + NO_CHANGE, ['--check'], 1, ['changes-nothing: nothing is changed']),
    (RIGHT + RIGHT, ['--check'], 1, ['the name is used twice']),
    (RIGHT.replace('end\n', ''), ['--check'], 1, ['no line "end"']),
    (RIGHT.replace('test: ', 'tset: '), ['--check'], 1, ['not understood: tset']),
    (RIGHT.replace('file: sum.c', 'file: gone.c'), ['--check'], 1, ['there is no gone.c']),
    (RIGHT.replace('new:\n', 'ends: fails\nnew:\n'), ['--check'], 1, ['before the line "new:"']),
    ('', ['--check'], 1, ['no mutations']),
    (RIGHT, ['--list'], 0, ['^is-found: sum.c: unit/sum$']),
    (RIGHT, ['is-lost'], 2, ['no mutation is called is-lost']),
    (RIGHT, ['--lits'], 2, ['--lits']),
    (RIGHT, ['--jobs', '0'], 2, ['--jobs']),
]


def running_in(folder):
    """The running programs of that folder."""
    left = []
    for link in Path('/proc').glob('[0-9]*/exe'):
        try:
            if folder.resolve() in link.resolve().parents:
                left.append(link.parent.name)
        except OSError:
            pass
    return left


def try_row(run, folder, row):
    mutations, arguments, status, expected = row
    (folder / 'lists/sum.mut').write_text(mutations, encoding='utf-8')
    process = subprocess.run(
        [sys.executable, run, '--root', folder / 'sources', '--lists', folder / 'lists', '--builds', folder / 'builds',
         *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    left = running_in(folder)
    missing = [text for text in expected if not re.search(text, process.stdout, re.MULTILINE)]
    if process.returncode == status and not missing and not left:
        return True
    print(f'{arguments} ended with {process.returncode}, left {left} and did not say {missing}, but:')
    print(textwrap.indent(process.stdout, '    '))
    return False


def main():
    run = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / 'sources').mkdir()
        (folder / 'lists').mkdir()
        (folder / 'sources/meson.build').write_text(PROJECT, encoding='utf-8')
        (folder / 'sources/sum.c').write_text(SOURCE, encoding='utf-8')
        results = [try_row(run, folder, row) for row in ROWS]
    print(f'{sum(results)} passed, {len(results) - sum(results)} failed')
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
