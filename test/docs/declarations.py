# SPDX-License-Identifier: MIT
"""Read the declarations in the public headers, and their comments.

The opening of a header may give the safety of all functions that give none. A table in an opening lists the
results that many functions share. "@return as a change" stands for the rows of "a change", and for those above
them.
"""

import re
from dataclasses import dataclass

DECLARATION = re.compile(
    r'(?:/\*\*(?P<comment>(?:(?!\*/).)*)\*/\s*)?'
    r'(?:TSC_API\s+(?:TSC_CHECKED\s+)?(?P<function>[^;{}#]+);'
    r'|static inline\s+(?P<inline>[^;{}#]+)\{'
    r'|#define\s+(?P<macro>TSC_\w+\([^)]*\)))',
    flags=re.S)


def one_line(declaration):
    return re.sub(r'\*\s+', '*', ' '.join(declaration.split()))


@dataclass(frozen=True)
class Declaration:
    """A function, or a macro that is used like one."""
    name: str
    prototype: str
    errors: frozenset
    safety: tuple  # threads, signals, cancellation: each a word and its condition
    since: str


def safety_column(text):
    """'MT-Safe race:attr', 'AS-Safe where TSC_CAP_SIGNAL_SAFE', 'no cancellation point'"""
    word, _, condition = text.partition(' ')
    if 'cancellation point' in text:
        word, (_, _, condition) = 'no' if word == 'no' else 'yes', text.partition('cancellation point')
    return word, condition.strip().removeprefix('where ')


def said(comment, tag):
    found = re.search(rf'@{tag} (.*?)\s*(?=\n \* @|\n \*/|\n \*\n|\Z)', comment, flags=re.S)
    return found.group(1) if found else ''


def shared_errors(headers):
    """The errors of each group in the table, with those of the groups above it."""
    groups = {}
    listed = set()
    for group, error in re.findall(r'^ \* \| (an? \w+) +\| -?(\w+) +\|', headers, flags=re.M):
        listed |= {error} if error.startswith('E') else set()
        groups[group] = frozenset(listed)
    return groups


def errors_of(comment, groups):
    group = re.search(r'@return as (an? \w+)', comment)
    return frozenset(re.findall(r'@retval -(E\w+)', comment)) | (groups.get(group.group(1), set()) if group else set())


def openings(headers):
    """Each header with its opening, the comment that begins with @file."""
    for header in re.split(r'^(?=/\*\*\n \* @file )', headers, flags=re.M):
        yield header, header.partition('*/')[0] if header.startswith('/**\n * @file ') else ''


def declarations(headers):
    """The public declarations; a macro is public if it has a comment of its own."""
    groups = shared_errors(headers)
    for header, opening in openings(headers):
        for found in DECLARATION.finditer(header):
            comment = found['comment'] or '@cond'
            if found['macro'] and '@cond' in comment:
                continue
            prototype = one_line(found['function'] or found['inline'] or found['macro'])
            safety = said(comment, 'safety') or said(opening, 'safety')
            yield Declaration(
                name=re.search(r'(\w+)\(', prototype).group(1),
                prototype=prototype,
                errors=errors_of(comment, groups),
                safety=tuple(safety_column(part) for part in safety.split(', ')),
                since=said(comment, 'since').strip(),
            )
