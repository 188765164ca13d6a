#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that knowledge goes one way in src/.

    layering.py SOURCE_ROOT

No file includes a header of a higher layer, or of another folder of its own layer, and no parts include each other in
a circle. A part is a header with its source file. The program includes headers of its own, public ones and the list
of backends.
"""

import re
import sys
from pathlib import Path

# From the bottom up, as CONTRIBUTING.md lists them: files, and folders. `*` are the other files of src/ itself.
LAYERS = [
    ['bounds.h', 'compiler.h', 'sanitizer.h', 'test-point.h'],
    ['sync'],
    ['attr.h', 'join.h'],
    ['percpu', 'queue'],
    ['backend', 'sequential.h', 'counter-internal.h'],
    ['*'],
    ['metrics'],
]
GENERATED = {'config.h'}
BACKENDS = '../backend/list.h'
INCLUDE = re.compile(r'^ *# *include "([^"]+)"', re.MULTILINE)


def folder_of(path):
    return path.partition('/')[0] if '/' in path else '*'


def layer_of(path):
    """Its number, or none."""
    for name in path, folder_of(path):
        for number, names in enumerate(LAYERS):
            if name in names:
                return number
    return None


def is_beside(path, name):
    """Whether they lie in two folders of one layer."""
    return '*' not in (folder_of(path), folder_of(name)) and folder_of(path) != folder_of(name) and \
        layer_of(path) == layer_of(name)


def part_of(path):
    """A header in a lower layer than its source file is a part of its own."""
    return layer_of(path), path.rpartition('.')[0]


def circle(parts, path):
    """The parts of a circle that begins with the last one of the path, or none."""
    for part in sorted(parts.get(path[-1], ())):
        if part in path:
            return [*path[path.index(part):], part]
        found = circle(parts, [*path, part])
        if found:
            return found
    return []


def complaints(source):
    parts = {}
    for file in sorted(source.rglob('*.[ch]')):
        path = file.relative_to(source).as_posix()
        included = set(INCLUDE.findall(file.read_text(encoding='utf-8'))) - GENERATED
        if path.startswith('cli/'):
            yield from (f'{path}: includes {name}, which is not the program\'s' for name in sorted(included)
                        if name != BACKENDS and ('/' in name or not (file.parent / name).exists()))
            continue
        if layer_of(path) is None:
            yield f'{path}: in no layer'
            continue
        for name in sorted(included):
            if not (source / name).exists():
                yield f'{path}: includes {name}, which is not there'
            elif layer_of(name) is None or layer_of(name) > layer_of(path):
                yield f'{path}: includes {name}, which lies above it'
            elif is_beside(path, name):
                yield f'{path}: includes {name}, which lies beside it'
            elif part_of(name) != part_of(path):
                parts.setdefault(part_of(path), set()).add(part_of(name))
    for part in sorted(parts):
        found = circle(parts, [part])
        if found:
            yield 'a circle: ' + ', '.join(name for _, name in found)
            return
    if not parts:
        yield 'no includes found'


def main():
    found = list(complaints(Path(sys.argv[1]) / 'src'))
    print('\n'.join(found))
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
