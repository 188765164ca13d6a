#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare the table of atomic operations in doc/ordering.md with the sources.

    ordering.py SOURCE_ROOT [--list]

Each operation in src/, except the program's, has a row with its order, and each row has an operation. With --list,
print the operations as rows to be filled in.
"""

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

# A call, or the instruction that adds in a restartable sequence.
OPERATION = re.compile(
    r'\b(atomic_(?:load|store|exchange|compare_exchange|fetch|thread_fence|signal_fence|flag)\w*'
    r'|membarrier|__atomic_\w+|__sync_\w+)\s*\(|"(addq) ')
FUNCTION = re.compile(r'^(?:[\w(),*]+[\s*]+)+?(\w+)\([^;{}]*?\)\n\{', re.MULTILINE)
ROW = re.compile(r'^\| `(\w+)` \| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$', re.MULTILINE)
SECTION = re.compile(r'^### (src/\S+)$', re.MULTILINE)


def blank(match):
    return re.sub(r'[^\n]', ' ', match[0])


def without_comments(text):
    return re.sub(r'/\*.*?\*/', blank, text, flags=re.DOTALL)


def arguments(text, start):
    """The arguments of the call whose parenthesis opens before start."""
    depth, parts, begin = 1, [], start
    for index in range(start, len(text)):
        char = text[index]
        depth += (char in '([{') - (char in ')]}')
        if depth == 0 or (depth == 1 and char == ','):
            parts.append(' '.join(text[begin:index].split()))
            begin = index + 1
        if depth == 0:
            return parts
    raise ValueError('a call that does not end')


def object_of(argument):
    """The last member named, or the called or cast object."""
    return re.findall(r'\w+', re.sub(r'\(.*?\)|\[.*?\]', '', argument).replace('&', '') or argument)[-1]


def operation(match, text):
    """Object, operation and order."""
    if match[2]:
        return 'slot', 'add in a restartable sequence', 'plain'
    name, parts = match[1], arguments(text, match.end())
    if name == 'membarrier':
        return parts[0].removeprefix('MEMBARRIER_CMD_'), 'membarrier', 'full'
    orders = re.findall(r'memory_order_(\w+)|\b(order)\b(?=,|$)',
                        ', '.join(parts if name.endswith('_fence') else parts[1:]))
    order = ', '.join(named or given for named, given in orders) or 'implicit'
    if name.endswith('_fence'):
        return 'fence', name.removeprefix('atomic_'), order
    return object_of(parts[0]), name.removeprefix('atomic_').removesuffix('_explicit'), order


def operations(root):
    """How often each (file, function, object, operation, order) occurs."""
    found = Counter()
    for path in sorted((root / 'src').rglob('*.[ch]')):
        file = str(path.relative_to(root))
        if file.startswith('src/cli/'):
            continue
        text = without_comments(path.read_text(encoding='utf-8'))
        functions = [(match.start(), match[1]) for match in FUNCTION.finditer(text)]
        for match in OPERATION.finditer(text):
            inside = [name for start, name in functions if start < match.start()]
            if text[text.rfind('\n', 0, match.start()) + 1:match.start()].startswith('static'):
                continue  # its definition
            found[(file, inside[-1] if inside else '', *operation(match, text))] += 1
    return found


def rows(text):
    """How often each occurs in the table, and errors of single rows."""
    found, wrong = Counter(), []
    parts = SECTION.split(text)
    for file, section in zip(parts[1::2], parts[2::2]):
        for function, what, name, order, why, _ in ROW.findall(section):
            name, _, times = name.partition(' ×')
            found[(file, function, what, name.strip(), order.strip())] += int(times or 1)
            if len(why.strip()) < 10:
                wrong.append(f'{file}: {function}: {what}: no reason')
    lines = len(re.findall(r'^\| `', text, re.MULTILINE))
    if lines != len(ROW.findall(text)):
        wrong.append('a row does not have the columns of the table')
    return found, wrong


def covering(root, text):
    """The models and tests that the table names but that do not exist."""
    for name in sorted(set(re.findall(r'`(test/[\w/.-]+|[\w-]+\.pml)`', text))):
        path = root / (name if name.startswith('test/') else f'test/model/{name}')
        if not path.exists():
            yield f'the table names {name}, which does not exist'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', metavar='SOURCE_ROOT', type=Path)
    parser.add_argument('--list', action='store_true', help='print rows')
    arguments = parser.parse_args()
    root = arguments.root
    code = operations(root)
    if arguments.list:
        for (file, *row), times in code.items():
            name = row[2] + (f' ×{times}' if times > 1 else '')
            print(f'{file}: | `{row[0]}` | `{row[1]}` | {name} | {row[3]} |')
        return 0
    text = (root / 'doc/ordering.md').read_text(encoding='utf-8')
    table, wrong = rows(text)
    wrong += [f'not in the table: {" ".join(key)}' for key in (code - table)]
    wrong += [f'not in the code: {" ".join(key)}' for key in (table - code)]
    wrong += covering(root, text)
    if not code:
        wrong.append('no operations found')
    print('\n'.join(wrong))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
