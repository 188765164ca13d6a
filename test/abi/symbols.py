#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare the headers' declarations, the version script, and the library's exports.

Also check the dynamic section: the SONAME, -z nodelete, the needed libraries, the size of thread-local storage.
With --self-test, show instead that each kind of difference is found.
"""

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

SONAME = 'libtscounter.so.1'
NODE = 'TSCOUNTER_{}'
LIBRARIES_ALLOWED = re.compile(r'libc\.|libpthread\.|libgcc_s\.|libatomic\.|ld-linux|ld64\.|ld-musl')
SANITIZERS = re.compile(r'lib(a|l|t|ub)san\.')
LARGEST_TLS = 64


@dataclass(frozen=True)
class Inputs:
    headers: str
    version_script: str
    symbols: str  # nm -D --defined-only
    dynamic: str  # readelf --dynamic
    segments: str  # readelf --segments
    sanitized: bool


def declared(headers):
    """The declared functions, each with the version in its comment."""
    found = re.findall(r'(/\*\*(?:(?!\*/).)*\*/)?\s*\bTSC_API\b[^;{}#/]*?\b(\w+)\s*\(', headers, flags=re.S)
    since = ((name, re.search(r'@since (\d+\.\d+)', comment)) for comment, name in found)
    return {name: version and version.group(1) for name, version in since}


def mapped(version_script):
    """The names in the map, each with its node."""
    code = re.sub(r'/\*.*?\*/|#[^\n]*', ' ', version_script, flags=re.S)
    names = {}
    for node, body in re.findall(r'(\w[\w.]*)\s*\{(.*?)\}', code, flags=re.S):
        for section in re.findall(r'global:(.*?)(?=local:|global:|$)', body, flags=re.S):
            names.update((name.strip(), node) for name in section.split(';') if name.strip())
    return names


def exported(symbols):
    """(name, node, type) of each exported symbol, without the nodes themselves."""
    found = []
    for line in symbols.splitlines():
        kind, name = line.split()[-2:]
        name, _, node = name.partition('@@')
        if kind != 'A':
            found.append((name, node, kind))
    return found


def differences(what, expected, other, found):
    for name in sorted(expected - found):
        yield f'{name}: {what} it, {other} does not'


def symbol_problems(inputs):
    in_headers = declared(inputs.headers)
    in_map = mapped(inputs.version_script)
    in_library = exported(inputs.symbols)
    names = {name for name, _, _ in in_library}
    sides = {'a header declares': set(in_headers), 'the map names': set(in_map), 'the library exports': names}

    for side, members in sides.items():
        if not members:
            yield f'{side} nothing'
        for other, other_members in sides.items():
            yield from differences(side, members, other.rpartition(' ')[0], other_members)
    for name, node, kind in in_library:
        if kind != 'T':
            yield f'{name}: exported, but no function (type {kind})'
        if node != in_map.get(name):
            yield f'{name}: exported with version "{node}", in node {in_map.get(name)} of the map'
    for name, node in in_map.items():
        if node != NODE.format(in_headers.get(name)):
            yield f'{name}: in node {node} of the map, in the headers since {in_headers.get(name)}'
        if '*' in name or '?' in name:
            yield f'{name}: a pattern in the map'


def dynamic_problems(inputs):
    sonames = re.findall(r'\(SONAME\).*\[(.*)\]', inputs.dynamic)
    if sonames != [SONAME]:
        yield f'SONAME is {sonames}'
    if not re.search(r'\(FLAGS_1\).*\bNODELETE\b', inputs.dynamic):
        yield 'not linked with -z nodelete'
    if re.search(r'\bTEXTREL\b', inputs.dynamic):
        yield 'has text relocations'
    for library in re.findall(r'\(NEEDED\).*\[(.*)\]', inputs.dynamic):
        if not (LIBRARIES_ALLOWED.match(library) or inputs.sanitized and SANITIZERS.match(library)):
            yield f'needs {library}'
    for size in re.findall(r'^\s*TLS(?:\s+\S+){4}\s+(0x\w+)', inputs.segments, flags=re.M):
        if int(size, 16) > LARGEST_TLS and not inputs.sanitized:
            yield f'{int(size, 16)} bytes of thread-local storage'


def problems(inputs):
    return [*symbol_problems(inputs), *dynamic_problems(inputs)]


def without_line(text, word):
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if not re.search(rf'\b{word}\b', line)]
    assert len(kept) == len(lines) - 1, f'{word} is in {len(lines) - len(kept)} lines'
    return ''.join(kept)


def breakages(inputs):
    """Inputs that must each be rejected."""
    name = 'tsc_counter_inc'
    node = NODE.format('1.0')
    declaration = f'TSC_API int {name}('

    yield 'no headers', replace(inputs, headers='')
    yield 'no map', replace(inputs, version_script='')
    yield 'no symbols', replace(inputs, symbols='')
    yield 'no dynamic section', replace(inputs, dynamic='')
    yield 'a dropped declaration', replace(inputs, headers=inputs.headers.replace(declaration, f'int {name}('))
    yield 'a dropped map entry', replace(inputs, version_script=without_line(inputs.version_script, name))
    yield 'a dropped symbol', replace(inputs, symbols=without_line(inputs.symbols, name))
    yield 'an added declaration', replace(inputs, headers=inputs.headers + '\nTSC_API int tsc_new(void);\n')
    yield 'an added map entry', replace(
        inputs, version_script=inputs.version_script.replace(f'    {name};', f'    {name};\n    tsc_new;'))
    yield 'an added symbol', replace(inputs, symbols=inputs.symbols + f'0000000000001000 T tsc_new@@{node}\n')
    yield 'a pattern in the map', replace(
        inputs, version_script=inputs.version_script.replace(f'    {name};', f'    {name};\n    tsc_*;'))
    yield 'exported data', replace(
        inputs, symbols=inputs.symbols.replace(f' T {name}@@', f' D {name}@@'))
    yield 'an unversioned symbol', replace(
        inputs, symbols=inputs.symbols.replace(f'{name}@@{node}', name))
    yield 'another version', replace(
        inputs, symbols=inputs.symbols.replace(f'{name}@@{node}', f'{name}@@TSCOUNTER_1.1'))
    yield 'another node of the map', replace(
        inputs, version_script=inputs.version_script.replace(node, 'TSCOUNTER_0.9'))
    yield 'another version in a comment', replace(
        inputs, headers=inputs.headers.replace('@since 1.0', '@since 1.1', 1))
    yield 'another SONAME', replace(inputs, dynamic=inputs.dynamic.replace(SONAME, 'libtscounter.so.2'))
    yield 'no nodelete', replace(inputs, dynamic=inputs.dynamic.replace('NODELETE', ''))
    yield 'text relocations', replace(
        inputs, dynamic=inputs.dynamic + ' 0x0000000000000016 (TEXTREL)            0x0\n')
    yield 'another library', replace(
        inputs, dynamic=inputs.dynamic + ' 0x0000000000000001 (NEEDED)  Shared library: [libm.so.6]\n')
    yield 'much thread-local storage', replace(
        inputs, sanitized=False,
        segments=inputs.segments + '\n  TLS            0x002da8 0x03da8 0x03da8 0x000000 0x001000 R   0x8\n')


def self_test(inputs):
    missed = [what for what, broken in breakages(inputs) if not set(problems(broken)) - set(problems(inputs))]
    unchanged = [what for what, broken in breakages(inputs) if broken == inputs]
    return [f'{what}: not found' for what in missed] + [f'{what}: broke nothing' for what in unchanged]


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--nm', default='nm')
    parser.add_argument('--readelf', default='readelf')
    parser.add_argument('--sanitized', action='store_true', help='allow the runtime of a sanitizer')
    parser.add_argument('--self-test', action='store_true')
    parser.add_argument('library')
    parser.add_argument('version_script', type=Path)
    parser.add_argument('headers', nargs='+', type=Path)
    arguments = parser.parse_args()

    inputs = Inputs(
        headers='\n'.join(header.read_text() for header in arguments.headers),
        version_script=arguments.version_script.read_text(),
        symbols=output_of(arguments.nm, '--dynamic', '--defined-only', arguments.library),
        dynamic=output_of(arguments.readelf, '--dynamic', '--wide', arguments.library),
        segments=output_of(arguments.readelf, '--segments', '--wide', arguments.library),
        sanitized=arguments.sanitized,
    )
    found = self_test(inputs) if arguments.self_test else problems(inputs)
    for problem in found:
        print(problem)
    print(f'{len(mapped(inputs.version_script))} symbols, {len(found)} problems')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
