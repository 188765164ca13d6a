# SPDX-License-Identifier: MIT
"""Reads what the public headers declare, and what the comments say of it."""

import re
from dataclasses import dataclass

DECLARATION = re.compile(
    r'(?:/\*\*(?P<comment>(?:(?!\*/).)*)\*/\s*)?'
    r'(?:TSC_API\s+(?P<function>[^;{}#]+);'
    r'|static inline\s+(?P<inline>[^;{}#]+)\{'
    r'|#define\s+(?P<macro>TSC_\w+\([^)]*\)))',
    flags=re.S)


def one_line(declaration):
    return re.sub(r'\*\s+', '*', ' '.join(declaration.split()))


@dataclass(frozen=True)
class Declaration:
    """Of a function, or of a macro that is used like one."""
    name: str
    prototype: str
    errors: frozenset
    safety: tuple  # threads, signals, cancellation: each a word, and on what that depends
    since: str


def safety_column(text):
    """'MT-Safe race:attr', 'AS-Safe where TSC_CAP_SIGNAL_SAFE', 'no cancellation point'"""
    word, _, condition = text.partition(' ')
    if 'cancellation point' in text:
        word, (_, _, condition) = 'no' if word == 'no' else 'yes', text.partition('cancellation point')
    return word, condition.strip().removeprefix('where ')


def said(comment, tag):
    found = re.search(rf'@{tag} (.*?)\s*(?=\n \* @|\n \*/|\Z)', comment, flags=re.S)
    return found.group(1) if found else ''


def declarations(headers):
    """Of everything that is public: a macro is if it has a comment of its own."""
    for found in DECLARATION.finditer(headers):
        comment = found['comment'] or '@cond'
        if found['macro'] and '@cond' in comment:
            continue
        prototype = one_line(found['function'] or found['inline'] or found['macro'])
        yield Declaration(
            name=re.search(r'(\w+)\(', prototype).group(1),
            prototype=prototype,
            errors=frozenset(re.findall(r'@retval -(E\w+)', comment)),
            safety=tuple(safety_column(part) for part in said(comment, 'safety').split(', ')),
            since=said(comment, 'since').strip(),
        )
