# SPDX-License-Identifier: MIT
"""Read manual pages written in mdoc."""

import fnmatch
import re
from dataclasses import dataclass

ESCAPES = {'\\-': '-', '\\e': '\\', '\\&': '', '\\(aq': "'", '\\(ga': '`', '\\(ha': '^', '\\(ti': '~'}


def plain(text):
    return re.sub(r'\\(?:\(..|.)', lambda escape: ESCAPES[escape.group()], text)


@dataclass(frozen=True)
class Attributes:
    """A row of the table under ATTRIBUTES; each column is a word and the text of its note."""
    name: str
    threads: tuple
    signals: tuple
    cancelled: tuple


class Page:
    def __init__(self, text):
        parts = re.split(r'^\.Sh (.*)\n', text, flags=re.M)
        self.text = text
        self.sections = dict(zip(parts[1::2], parts[2::2]))

    def lines(self, section):
        return self.sections.get(section, '').splitlines()

    def names(self):
        return re.findall(r'^\.Nm (\S+)', self.sections.get('NAME', ''), flags=re.M)

    def references(self):
        return re.findall(r'^\.(?:It )?Xr (\S+) (\d)', self.text, flags=re.M)

    def prototypes(self):
        """The declarations in the SYNOPSIS; those of macros have no type."""
        found = []
        kind = ''
        for line in self.lines('SYNOPSIS'):
            macro, _, rest = line.partition(' ')
            words = [quoted or word for quoted, word in re.findall(r'"([^"]*)"|(\S+)', rest)]
            if macro == '.Ft':
                kind = ' '.join(words)
            elif macro in ('.Fn', '.Fo'):
                found.append([kind, words[0], words[1:]])
                kind = ''
            elif macro == '.Fa':
                found[-1][2].extend(words)
        return [f'{kind} {name}({", ".join(arguments)})'.strip() for kind, name, arguments in found]

    def errors(self):
        """Pairs of a function and an error that it may return.

        The text before a list names its functions: "These functions", functions by name, or "All but" some.
        """
        found = set()
        functions = []
        words = []
        for line in self.lines('ERRORS'):
            error = re.match(r'\.It Bq Er \\-(\w+)$', line)
            name = re.match(r'\.Fn (\w+)', line)
            if error:
                found.update((function, error.group(1)) for function in self.subject(words, functions))
            elif line in ('.Pp', '.El'):
                functions, words = [], []
            elif name:
                functions.append(name.group(1))
            elif not line.startswith('.'):
                words += line.split()
        return found

    def subject(self, words, functions):
        if words[:2] == ['These', 'functions']:
            return self.names()
        if words[:2] == ['All', 'but']:
            return [name for name in self.names() if name not in functions]
        return functions

    def attributes(self):
        text = self.sections.get('ATTRIBUTES', '')
        notes = dict(re.findall(r'^\((\d)\) (.*?)(?=^\.br|^\.Pp|\Z)', text, flags=re.M | re.S))

        def column(cell):
            word, _, note = cell.partition(' ')
            return word, notes.get(note.strip('()'), '') if note else ''

        return [Attributes(name, *map(column, cells.split(' Ta ')))
                for name, cells in re.findall(r'^\.It (?:other )?Fn (\S+) Ta (.*)$', text, flags=re.M)]

    def attributes_of(self, function):
        """The first row whose name is, or matches, the function's."""
        return next((row for row in self.attributes() if fnmatch.fnmatchcase(function, row.name)), None)

    def since(self):
        return re.findall(r'appeared in libtscounter (\d+\.\d+)\.', self.sections.get('HISTORY', ''))

    def literal_blocks(self, section):
        found = re.findall(r'^\.Bd -literal.*?\n(.*?)^\.Ed', self.sections.get(section, ''), flags=re.M | re.S)
        return [plain(block) for block in found]

    def commands(self, section):
        return [plain(line.removeprefix('.Dl ')) for line in self.lines(section) if line.startswith('.Dl ')]
