#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare the library with the dumps of released ABIs in this folder, libtscounter-N.N.abi.

--dump FILE writes such a dump instead. --self-test makes one change to the sources at a time. It shows that each
is found if a program could notice it: in the rebuilt library, or in the headers, by frozen.c's assertions.
"""

import argparse
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUPPRESSIONS = HERE / 'private.abignore'
FROZEN = HERE / 'frozen.c'
# Without the place and the environment of the build.
DUMP_OPTIONS = [
    '--suppressions', SUPPRESSIONS, '--exported-interfaces-only', '--drop-undefined-syms', '--no-show-locs',
    '--no-corpus-path', '--no-comp-dir-path', '--no-elf-needed', '--no-architecture', '--no-parameter-names',
    '--type-id-style', 'hash',
]
SKIPPED = 77


def skip(reason):
    print(f'skipped: {reason}')
    raise SystemExit(SKIPPED)


def tool(path, name):
    found = shutil.which(path or name)
    if not found:
        skip(f'{name} is not installed (Debian: abigail-tools; Fedora: libabigail)')
    return found


class Dump:
    def __init__(self, path):
        self.path = path
        self.tree = ElementTree.parse(path).getroot()

    @classmethod
    def of(cls, abidw, library, path):
        subprocess.run([abidw, *DUMP_OPTIONS, '--out-file', path, library], check=True)
        path.write_text(re.sub(r"path='[^']*?(src/[^']*)'", r"path='\1'", path.read_text()))
        return cls(path)

    def functions(self):
        return self.tree.findall('.//function-decl[@elf-symbol-id]')

    def address_size(self):
        return self.tree.find('abi-instr').get('address-size')

    def symbols(self):
        """The exported names of each node of the map."""
        nodes = {}
        for symbol in self.tree.iter('elf-symbol'):
            nodes.setdefault(symbol.get('version'), set()).add(symbol.get('name'))
        return nodes


def added_to_released_nodes(released, dump):
    nodes = dump.symbols()
    for node, names in released.symbols().items():
        for name in sorted(nodes.get(node, set()) - names):
            yield f'{name}: added to {node}, which is released'


def problems(abidiff, released, dump):
    comparison = subprocess.run(
        [abidiff, '--no-added-syms', released.path, dump.path], stdout=subprocess.PIPE, text=True)
    if comparison.returncode != 0:
        yield comparison.stdout.strip() or f'abidiff ends with {comparison.returncode}'
    yield from added_to_released_nodes(released, dump)


def released_dumps():
    found = [Dump(path) for path in sorted(HERE.glob('libtscounter-*.abi'))]
    if not found:
        raise SystemExit('no dump of a released ABI')
    return found


def skip_other_machine(released, dump):
    if dump.address_size() != released.address_size():
        skip(f'{released.path.name} is for {released.address_size()}-bit addresses')


def check(arguments, directory):
    abidw, abidiff = tool(arguments.abidw, 'abidw'), tool(arguments.abidiff, 'abidiff')
    dump = Dump.of(abidw, arguments.library, directory / 'library.abi')
    if not dump.functions():
        skip('the library was built without debug information')
    found = 0
    for released in released_dumps():
        skip_other_machine(released, dump)
        for problem in problems(abidiff, released, dump):
            print(f'{released.path.name}: {problem}')
            found += 1
    print(f'{len(dump.functions())} functions, {found} problems')
    return found


class Change:
    """Texts to replace in the sources; each occurs once. `found`: whether a program could notice the change."""

    def __init__(self, what, found, *replacements):
        self.what = what
        self.found = found
        self.replacements = replacements

    def apply(self, root):
        for path, old, new in self.replacements:
            text = (root / path).read_text()
            if text.count(old) != 1:
                raise SystemExit(f'{self.what}: {path} has {text.count(old)} times {old!r}')
            (root / path).write_text(text.replace(old, new))


def in_each(paths, old, new):
    return [(path, old, new) for path in paths]


HEADER = 'include/tscounter/tscounter.h'
GUARD = 'include/tscounter/guard.h'
MAP = 'src/libtscounter.map'
NEW_FUNCTION = '\nTSC_API int tsc_new(void);\nint tsc_new(void) { return 0; }\n'
LAST_LINE = 'return TSC_VERSION_NUMBER;\n}\n'

LIBRARY_CHANGES = [
    Change('nothing', False),
    Change('a removed function', True, (MAP, '    tsc_counter_flush;\n', '')),
    Change(
        'a changed parameter', True,
        *in_each(
            [HEADER, 'src/counter.c'],
            'int tsc_counter_add(tsc_counter_t *counter, int64_t',
            'int tsc_counter_add(tsc_counter_t *counter, int32_t')),
    Change(
        'a changed return type', True,
        *in_each([HEADER, 'src/version.c'], 'uint32_t tsc_version_number(', 'uint64_t tsc_version_number(')),
    Change('a changed type', True, (HEADER, 'typedef uint32_t tsc_backend_t;', 'typedef uint64_t tsc_backend_t;')),
    Change(
        'a changed callback', True,
        (HEADER, 'typedef int (*tsc_update_fn)', 'typedef int64_t (*tsc_update_fn)')),
    Change(
        'a function in a released node', True,
        (MAP, '    tsc_version_number;\n', '    tsc_version_number;\n    tsc_new;\n'),
        ('src/version.c', LAST_LINE, LAST_LINE + NEW_FUNCTION)),
    Change(
        'an exported table', True,
        (MAP, '    tsc_version_number;\n', '    tsc_version_number;\n    tsc_table;\n'),
        ('src/version.c', LAST_LINE, LAST_LINE + '\nTSC_API extern int tsc_table[2];\nint tsc_table[2];\n')),
    Change(
        'a function in a new node', False,
        (MAP, 'local:\n    *;\n};', 'local:\n    *;\n};\nTSCOUNTER_1.1 { global: tsc_new; } TSCOUNTER_1.0;'),
        ('src/version.c', LAST_LINE, LAST_LINE + NEW_FUNCTION)),
    Change(
        'a grown table of operations, and grown attributes, which are private', False,
        ('src/counter-internal.h', 'struct tsc_backend_ops {', 'struct tsc_backend_ops { int (*added)(void);'),
        ('src/attr.h', 'struct tsc_counter_attr {', 'struct tsc_counter_attr { int64_t added;')),
]

HEADER_CHANGES = [
    Change('nothing', False),
    Change('a grown guard', True, (GUARD, 'struct tsc_guard {', 'struct tsc_guard { long added;')),
    Change('a guard that ends later', True, (GUARD, '    int error; ', '    int error; long added;')),
    Change('another type in a guard', True, (GUARD, '    int error; ', '    unsigned error; ')),
    Change('a renumbered backend', True, (HEADER, 'TSC_BACKEND_PERCPU = 3', 'TSC_BACKEND_PERCPU = 4')),
    Change('a renumbered capability', True, (HEADER, 'TSC_CAP_PEAK UINT64_C(8)', 'TSC_CAP_PEAK UINT64_C(512)')),
    Change('a renumbered policy', True,
           ('include/tscounter/attr.h', 'TSC_BOUNDS_CLAMP = 1 ', 'TSC_BOUNDS_CLAMP = 2 ')),
    Change('a new backend', False,
           (HEADER, 'enum {\n    TSC_BACKEND_MUTEX', 'enum {\n    TSC_BACKEND_NEW = 99, TSC_BACKEND_MUTEX')),
]


class Sources:
    """A copy of the sources, with one change."""

    def __init__(self, arguments, directory, change):
        self.arguments = arguments
        self.root = directory
        for folder in ('include', 'src'):
            shutil.copytree(arguments.source_root / folder, directory / folder)
        change.apply(directory)

    def compile(self, *options, **how):
        includes = [self.root / 'include', self.root / 'src', *self.arguments.generated]
        flags = ['-std=gnu11', '-D_GNU_SOURCE', *(f'-I{include}' for include in includes)]
        return subprocess.run([*self.arguments.cc, *flags, *options], **how)

    def units(self):
        """The objects that define exported names. The others are left out: nothing is called."""
        names = re.findall(r'^ +(tsc_\w+);', (self.root / MAP).read_text(), flags=re.M)
        definition = re.compile(rf'^\w[^;]*\b({"|".join(names)})\([^;{{}}]*\)\n{{', flags=re.M)
        for unit in self.arguments.units:
            copy = self.root / unit.resolve().relative_to(self.arguments.source_root)
            if definition.search(copy.read_text()):
                yield copy

    def library(self):
        built = self.root / 'libtscounter.so'
        self.compile(
            '-w', '-g', '-fPIC', '-fvisibility=hidden', '-shared', '-pthread', *self.units(), '-o', built,
            '-Wl,-soname,libtscounter.so.1', f'-Wl,--version-script,{self.root / MAP}', check=True)
        return built

    def keeps_what_is_frozen(self):
        return self.compile('-fsyntax-only', FROZEN, stderr=subprocess.DEVNULL).returncode == 0


def compare(changes, arguments, is_noticed):
    wrong = 0
    for change in changes:
        with tempfile.TemporaryDirectory() as directory:
            noticed = is_noticed(Sources(arguments, Path(directory), change))
        wrong += noticed != change.found
        print(f'{"" if noticed == change.found else "WRONG: "}{change.what}: {"" if noticed else "not "}noticed')
    return wrong


def self_test_headers(arguments):
    return compare(HEADER_CHANGES, arguments, lambda sources: not sources.keeps_what_is_frozen())


def self_test_library(arguments):
    abidw, abidiff = tool(arguments.abidw, 'abidw'), tool(arguments.abidiff, 'abidiff')
    released = released_dumps()

    def is_noticed(sources):
        dump = Dump.of(abidw, sources.library(), sources.root / 'library.abi')
        skip_other_machine(released[0], dump)
        return any(list(problems(abidiff, one, dump)) for one in released)

    return compare(LIBRARY_CHANGES, arguments, is_noticed)


SELF_TESTS = {'headers': self_test_headers, 'library': self_test_library}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--abidw')
    parser.add_argument('--abidiff')
    parser.add_argument('--library', type=Path)
    parser.add_argument('--dump', type=Path)
    parser.add_argument('--self-test', choices=SELF_TESTS)
    parser.add_argument('--cc', type=shlex.split, help='for the self-test')
    parser.add_argument('--source-root', type=lambda path: Path(path).resolve())
    parser.add_argument('--generated', action='append', default=[], help='a folder with generated headers')
    parser.add_argument('units', nargs='*', type=Path)
    arguments = parser.parse_args()

    if arguments.dump:
        Dump.of(tool(arguments.abidw, 'abidw'), arguments.library, arguments.dump)
        return 0
    if arguments.self_test:
        return 1 if SELF_TESTS[arguments.self_test](arguments) else 0
    with tempfile.TemporaryDirectory() as directory:
        return 1 if check(arguments, Path(directory)) else 0


if __name__ == '__main__':
    sys.exit(main())
