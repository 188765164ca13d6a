# SPDX-License-Identifier: MIT
"""The lists of mutations: their format, and whether they still fit the sources.

    mutation: NAME          letters, digits and hyphens; no two have the same
    file: PATH              the file that is changed, from the root of the sources
    test: SUITE/NAME [VARIABLE=VALUE]...    a test that must fail, and its settings
    ends: fails             how: `fails` (the default), with a status other than 0; or `hangs`, until the limit
    limit: SECONDS          the time limit (60)
    old:
    the exact text, which occurs once in the file
    new:
    the replacement; if empty, the text is deleted
    end

`old:` to `end` may be repeated, with `file:` before it, to change several places. Lines between mutations that begin
with # are comments.
"""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

NAME = re.compile(r'[a-z0-9]+(?:-[a-z0-9]+)*')
TEST = re.compile(r'[\w+-]+/[\w.+-]+')
SETTING = re.compile(r'[A-Z_]+=.*')
MARK = re.compile(r'(?:mutation|file|test|ends|limit):.*|old:|new:|end')
ENDS = ('fails', 'hangs')
LIMIT_S = 60


@dataclass
class Change:
    file: str
    old: str
    new: str


@dataclass
class Mutation:
    name: str
    where: str
    file: str = ''
    test: str = ''
    settings: dict = field(default_factory=dict)
    ends: str = ENDS[0]
    limit_s: int = LIMIT_S
    changes: list = field(default_factory=list)

    def files(self):
        return sorted({change.file for change in self.changes})


class Malformed(Exception):
    pass


def is_test(name='', *settings):
    return bool(TEST.fullmatch(name)) and all(SETTING.fullmatch(setting) for setting in settings)


class Reader:
    """Reads one list."""

    def __init__(self, path):
        self.path = path
        self.lines = path.read_text(encoding='utf-8').splitlines()
        self.at = 0
        self.mutations = []

    def fail(self, what):
        raise Malformed(f'{self.path.name}:{self.at}: {what}')

    def text_until(self, mark):
        text = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            if line == mark:
                return ''.join(f'{line}\n' for line in text)
            if MARK.fullmatch(line):
                self.fail(f'"{line}" before the line "{mark}"')
            text.append(line)
        return self.fail(f'no line "{mark}" until the end')

    def begin(self, name):
        if not NAME.fullmatch(name):
            self.fail(f'"{name}" is not a valid name')
        self.mutations.append(Mutation(name, f'{self.path.name}:{self.at}'))

    def set(self, mutation, key, value):
        if key == 'file':
            mutation.file = value
        elif key == 'ends' and value in ENDS:
            mutation.ends = value
        elif key == 'limit' and value.isdecimal():
            mutation.limit_s = int(value)
        elif key == 'test' and is_test(*shlex.split(value)):
            mutation.test, *settings = shlex.split(value)
            mutation.settings = dict(setting.split('=', 1) for setting in settings)
        elif key == 'old' and not value:
            if not mutation.file:
                self.fail('no file')
            old = self.text_until('new:')
            mutation.changes.append(Change(mutation.file, old, self.text_until('end')))
        else:
            self.fail(f'not understood: {key}: {value}')

    def read(self):
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            if not line.strip() or line.startswith('#'):
                continue
            key, colon, value = line.partition(':')
            if not colon:
                self.fail(f'not understood: {line}')
            if key == 'mutation':
                self.begin(value.strip())
            elif self.mutations:
                self.set(self.mutations[-1], key, value.strip())
            else:
                self.fail('no mutation')
        for mutation in self.mutations:
            if not mutation.test or not mutation.changes:
                raise Malformed(f'{mutation.where}: {mutation.name}: no test, or no change')
        return self.mutations


def read_lists(folder):
    """All mutations of a folder, ordered by file name. Raises Malformed."""
    mutations = []
    for path in sorted(folder.glob('*.mut')):
        mutations += Reader(path).read()
    if not mutations:
        raise Malformed(f'{folder}: no mutations')
    names = [mutation.name for mutation in mutations]
    for mutation in mutations:
        if names.count(mutation.name) > 1:
            raise Malformed(f'{mutation.where}: {mutation.name}: the name is used twice')
    return mutations


def mutated(mutation, root):
    """The new text of each file, by its path. Raises Malformed if the sources no longer have the old text."""
    texts = {}
    for file in mutation.files():
        path = Path(root) / file
        if not path.is_file():
            raise Malformed(f'{mutation.where}: {mutation.name}: there is no {file}')
        texts[file] = path.read_text(encoding='utf-8')
    for change in mutation.changes:
        times = texts[change.file].count(change.old) if change.old else 0
        if times != 1:
            raise Malformed(f'{mutation.where}: {mutation.name}: the old text occurs {times} times in {change.file}')
        if change.old == change.new:
            raise Malformed(f'{mutation.where}: {mutation.name}: nothing is changed')
        texts[change.file] = texts[change.file].replace(change.old, change.new)
    return texts
