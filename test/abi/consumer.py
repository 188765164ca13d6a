#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build programs against a staged install through pkg-config, as users do, and run them.

Each is linked with the shared library, with the static one, and, if possible, as a static program.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WARNINGS = ['-pedantic-errors', '-Wall', '-Wextra', '-Werror']


def run(command, **options):
    print('+', shlex.join(map(str, command)), flush=True)
    return subprocess.run(command, check=True, text=True, **options)


def the_only(paths, what):
    found = list(paths)
    if len(found) != 1:
        raise SystemExit(f'expected one {what}, found {len(found)}')
    return found[0]


class Stage:
    """An install of the build in a folder of its own."""

    def __init__(self, arguments, directory):
        self.directory = directory
        self.pkg_config = shlex.split(arguments.pkg_config)
        run([*shlex.split(arguments.meson), 'install', '--no-rebuild', '--quiet', '-C', arguments.build,
             '--destdir', directory])
        self.description = the_only(directory.rglob('libtscounter.pc'), 'libtscounter.pc')
        self.libraries = self.description.parent.parent

    def flags(self, *options):
        environment = {
            **os.environ,
            'PKG_CONFIG_LIBDIR': str(self.description.parent),
            'PKG_CONFIG_PATH': '',
            'PKG_CONFIG_SYSROOT_DIR': str(self.directory),
            'PKG_CONFIG_ALLOW_SYSTEM_CFLAGS': '1',
            'PKG_CONFIG_ALLOW_SYSTEM_LIBS': '1',
        }
        command = [*self.pkg_config, *options, 'libtscounter']
        return shlex.split(run(command, stdout=subprocess.PIPE, env=environment).stdout)

    def has_shared(self):
        return (self.libraries / 'libtscounter.so').exists()

    def has_static(self):
        return (self.libraries / 'libtscounter.a').exists()

    def hide_shared(self):
        for library in self.libraries.glob('libtscounter.so*'):
            library.unlink()


class Program:
    def __init__(self, arguments, stage, compiler, standard, source):
        self.compile = [*shlex.split(compiler), f'-std={standard}', *WARNINGS, *arguments.compile_flags]
        self.link_flags = arguments.link_flags
        self.stage = stage
        self.source = HERE / source
        self.run = arguments.run

    def build(self, name, *pkg_config_options, link=()):
        program = self.stage.directory / name
        flags = self.stage.flags('--cflags', '--libs', *pkg_config_options)
        run([*self.compile, self.source, '-o', program, *flags, *self.link_flags, *link])
        return program

    def try_out(self, name, *pkg_config_options, link=()):
        program = self.build(name, *pkg_config_options, link=link)
        if self.run:
            run([program], env={**os.environ, 'LD_LIBRARY_PATH': str(self.stage.libraries)}, timeout=60)


def can_link_statically(program):
    empty = program.stage.directory / f'empty{program.source.suffix}'
    empty.write_text('int main(void) { return 0; }\n')
    command = [*program.compile, empty, '-o', os.devnull, *program.link_flags, '-static']
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


def check_shared(programs):
    for program in programs:
        program.try_out(f'{program.source.name}-shared')


def check_static(stage, programs, fully_static):
    stage.hide_shared()
    for program in programs:
        program.try_out(f'{program.source.name}-static-library', '--static')
        if fully_static and can_link_statically(program):
            program.try_out(f'{program.source.name}-static', '--static', link=['-static'])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--meson', required=True)
    parser.add_argument('--build', required=True, help='the build folder')
    parser.add_argument('--pkg-config', required=True)
    parser.add_argument('--version', required=True, help='the version of the project')
    parser.add_argument('--cc', required=True)
    parser.add_argument('--cxx', default='')
    parser.add_argument('--compile-flags', type=shlex.split, default=[])
    parser.add_argument('--link-flags', type=shlex.split, default=[])
    parser.add_argument('--no-run', dest='run', action='store_false', help='for another machine')
    parser.add_argument('--no-static-programs', dest='static_programs', action='store_false')
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as directory:
        stage = Stage(arguments, Path(directory))
        version = stage.flags('--modversion')
        if version != [arguments.version]:
            raise SystemExit(f'libtscounter.pc has version {version}')
        programs = [Program(arguments, stage, arguments.cc, 'c11', 'consumer.c')]
        if arguments.cxx:
            programs.append(Program(arguments, stage, arguments.cxx, 'c++11', 'consumer.cpp'))
        if not stage.has_shared() and not stage.has_static():
            raise SystemExit('no library was installed')
        if stage.has_shared():
            check_shared(programs)
        if stage.has_static():
            check_static(stage, programs, arguments.static_programs)


if __name__ == '__main__':
    sys.exit(main())
