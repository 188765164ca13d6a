#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare the comments in the headers with the manual pages.

Each function has a page or a link to one. Both agree on its declaration, its errors, its first version, and its
safety. The summary in tscounter(7) agrees too. With --self-test, show instead that each kind of difference is
found.
"""

import argparse
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from declarations import declarations, one_line
from mdoc import Page

OVERVIEW = 'tscounter.7'
SECTIONS = {
    '1': ['SYNOPSIS', 'DESCRIPTION', 'EXIT STATUS', 'EXAMPLES', 'DIAGNOSTICS', 'ATTRIBUTES', 'SEE ALSO'],
    '3': ['LIBRARY', 'SYNOPSIS', 'DESCRIPTION', 'RETURN VALUES', 'EXAMPLES', 'ERRORS', 'ATTRIBUTES', 'SEE ALSO',
          'HISTORY'],
    '7': ['SYNOPSIS', 'DESCRIPTION', 'RETURN VALUES AND ERRORS', 'ATTRIBUTES', 'MIGRATION', 'EXAMPLES',
          'SEE ALSO'],
}
# Without these groff prints "BSD" at the head and the foot of each page.
HEAD_AND_FOOT = '''\
.ds doc-volume-operating-system libtscounter
.ds doc-default-operating-system libtscounter
.Dt '''
COLUMNS = ('threads', 'signals', 'cancelled')


@dataclass(frozen=True)
class Inputs:
    headers: str
    pages: dict  # the text of each page, by its file name
    links: dict  # the page that each link leads to; both without the section


def section_of(page):
    return page.rpartition('.')[2]


def sections_missing(pages):
    for name, page in pages.items():
        for section in SECTIONS[section_of(name)]:
            if not page.sections.get(section, '').strip():
                yield f'{name}: no section {section}'


def page_of_each(pages):
    """The page that names each function."""
    return {function: name.removesuffix('.3') for name, page in pages.items() if name.endswith('.3')
            for function in page.names()}


def heads_missing(pages):
    for name, page in pages.items():
        if HEAD_AND_FOOT not in page.text:
            yield f'{name}: does not name the library at its head and foot:\n{HEAD_AND_FOOT}'


def functions_missing(functions, pages, links):
    named = page_of_each(pages)
    for name in sorted(functions.keys() - named.keys()):
        yield f'{name}: in a header, but on no page'
    for name in sorted(named.keys() - functions.keys()):
        yield f'{name}: on page {named[name]}, but in no header'
    for name, page in named.items():
        if name != page and links.get(name) != page:
            yield f'{name}: on page {page}, but its link leads to {links.get(name)}'
    for name in sorted(links.keys() - named.keys()):
        yield f'{name}: a link, but no page names it'


def prototype_problems(functions, pages):
    declared = {function.prototype for function in functions.values()}
    shown = {one_line(prototype) for name, page in pages.items() if name.endswith('.3')
             for prototype in page.prototypes() if not prototype.startswith('typedef')}
    for prototype in sorted(declared - shown):
        yield f'{prototype}: in a header, but in no synopsis'
    for prototype in sorted(shown - declared):
        yield f'{prototype}: in a synopsis, but in no header'


def error_problems(functions, pages):
    in_headers = {(function.name, error) for function in functions.values() for error in function.errors}
    on_pages = set().union(*(page.errors() for page in pages.values()))
    for name, error in sorted(in_headers - on_pages):
        yield f'{name}: {error} in the header, not on the page'
    for name, error in sorted(on_pages - in_headers):
        yield f'{name}: {error} on the page, not in the header'

    summed_up = set(re.findall(r'^\.It Bq Er (\w+)', pages[OVERVIEW].sections.get('RETURN VALUES AND ERRORS', ''),
                               flags=re.M))
    for error in sorted(summed_up ^ {error for _, error in in_headers}):
        yield f'{error}: in a header or in {OVERVIEW}, not in both'


def agrees(said, shown):
    """Whether a column shows the header's word, and a note exactly if the header has a condition."""
    word, condition = said
    shown_word, note = shown
    key = re.search(r'race:\w+|TSC_\w+|callback|$', condition).group()
    return word == shown_word and bool(condition) == bool(note) and key in note


def attribute_problems(functions, name, page):
    for function in functions:
        row = page.attributes_of(function.name)
        shown = [getattr(row, column) for column in COLUMNS] if row else []
        if len(function.safety) != len(shown) or not all(map(agrees, function.safety, shown)):
            yield f'{function.name}: {function.safety} in the header, {shown} in {name}'


def since_problems(functions, page):
    for function in functions:
        if page.since() != [function.since]:
            yield f'{function.name}: since "{function.since}" in the header, {page.since()} on the page'


def reference_problems(functions, pages):
    known = {(name, '3') for name in functions} | {tuple(name.rsplit('.', 1)) for name in pages}
    for name, page in pages.items():
        for reference in page.references():
            if reference[0].lower().startswith(('tsc_', 'tscounter')) and reference not in known:
                yield f'{name}: refers to {reference[0]}({reference[1]}), which does not exist'


def problems(inputs):
    functions = {function.name: function for function in declarations(inputs.headers)}
    pages = {name: Page(text) for name, text in inputs.pages.items()}

    if not functions:
        yield 'no functions'
    yield from sections_missing(pages)
    yield from heads_missing(pages)
    yield from functions_missing(functions, pages, inputs.links)
    yield from prototype_problems(functions, pages)
    yield from error_problems(functions, pages)
    yield from attribute_problems(functions.values(), OVERVIEW, pages[OVERVIEW])
    yield from reference_problems(functions, pages)
    for name, page in pages.items():
        documented = [functions[function] for function in page.names() if function in functions]
        if name.endswith('.3'):
            yield from attribute_problems(documented, name, page)
            yield from since_problems(documented, page)


def without(text, pattern):
    broken, count = re.subn(pattern, '', text, count=1, flags=re.M)
    assert count, f'no {pattern}'
    return broken


def breakages(inputs):
    """Inputs that must each be rejected."""
    add, get, close, update = (f'tsc_counter_{name}.3' for name in ('add', 'get', 'close', 'update'))

    def header(old, new):
        return replace(inputs, headers=inputs.headers.replace(old, new, 1))

    def page(name, old, new=''):
        return replace(inputs, pages={**inputs.pages, name: inputs.pages[name].replace(old, new, 1)})

    yield 'no headers', replace(inputs, headers='')
    yield 'a dropped page', replace(inputs, pages={n: text for n, text in inputs.pages.items() if n != get})
    yield 'a dropped link', replace(inputs, links=dict(list(inputs.links.items())[1:]))
    yield 'a link that leads elsewhere', replace(inputs, links={**inputs.links, 'tsc_counter_inc': 'tsc_version'})
    yield 'a link for nothing', replace(inputs, links={**inputs.links, 'tsc_new': 'tsc_counter_get'})
    yield 'a new function', header('TSC_END_DECLS', 'TSC_API int tsc_new(void);\nTSC_END_DECLS')
    yield 'a dropped function', header('TSC_API int tsc_counter_flush(', 'int tsc_counter_flush(')
    yield 'a function that a page no longer names', page(close, '.Nm tsc_counter_wait_at_most\n')
    yield 'another type in a header', header('int tsc_counter_dec(tsc_counter_t', 'int tsc_counter_dec(void')
    yield 'another type on a page', page(add, '"int64_t delta"', '"int delta"')
    yield 'a dropped error in a header', replace(
        inputs, headers=without(inputs.headers, r'^ \* @retval -ESHUTDOWN .*\n'))
    yield 'a new error in a header', header(' * @retval -ERANGE', ' * @retval -EIO none\n * @retval -ERANGE')
    for name in inputs.pages:
        for item in re.findall(r'^\.It Bq Er \S+\n', inputs.pages[name], flags=re.M):
            yield f'a dropped error on page {name}', page(name, item)
    yield 'an error of all but the wrong one', page(
        add, 'All but\n.Fn tsc_counter_dec', 'All but\n.Fn tsc_counter_inc')
    yield 'an error of no function', page(close, '.Fn tsc_counter_wait_at_most\nalso fails', 'It\nalso fails')
    yield 'a dropped error of all operations', replace(
        inputs, headers=without(inputs.headers, r'^ \* \| an operation +\| -EDEADLK .*\n'))
    yield 'a change that is an operation', header('@return as a change', '@return as an operation')
    yield 'another safety in an opening', replace(
        inputs, headers=re.sub(r'( \*\n \* @safety MT-Safe[^,\n]*, )AS-Unsafe', r'\1AS-Safe', inputs.headers, count=1))
    yield 'another since in a header', header('@since 1.0', '@since 1.1')
    yield 'another since on a page', page(get, 'libtscounter 1.0', 'libtscounter 1.1')
    yield 'no safety in a header', replace(inputs, headers=without(inputs.headers, r'^ \* @safety .*\n'))
    yield 'another safety in a header', header('AS-Safe where TSC_CAP_SIGNAL_SAFE', 'AS-Unsafe')
    yield 'a race that a page does not name', header('race:cursor', 'race:delta')
    for name in (update, OVERVIEW):
        yield f'no cancellation point in {name}', page(name, 'AS-Unsafe Ta yes', 'AS-Unsafe Ta no')
    yield 'a missing note', page(add, '(1) Where', 'Where')
    yield 'a missing row', page(
        OVERVIEW, '.It Fn tsc_counter_wait_at_most Ta MT-Safe Ta AS-Unsafe Ta yes\n')
    yield 'a reference to nothing', page(get, '.Xr tsc_counter_add 3', '.Xr tsc_counter_nothing 3')
    yield 'a page that does not name the library at its head', page(add, HEAD_AND_FOOT, '.Dt ')
    for name in inputs.pages:
        for section in SECTIONS[section_of(name)]:
            yield f'no {section} in {name}', page(name, f'.Sh {section}\n', '.Sh OTHERWISE\n')


def self_test(inputs):
    found = set(problems(inputs))
    for what, broken in breakages(inputs):
        if broken == inputs:
            yield f'{what}: broke nothing'
        elif not set(problems(broken)) - found:
            yield f'{what}: not found'


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--self-test', action='store_true')
    parser.add_argument('--header', action='append', type=Path, required=True)
    parser.add_argument('--page', action='append', type=Path, required=True)
    parser.add_argument('--link', action='append', default=[], help='NAME=PAGE, as installed')
    arguments = parser.parse_args()

    inputs = Inputs(
        headers='\n'.join(header.read_text() for header in arguments.header),
        pages={page.name: page.read_text() for page in arguments.page},
        links=dict(link.split('=') for link in arguments.link),
    )
    found = list((self_test if arguments.self_test else problems)(inputs))
    for problem in found:
        print(problem)
    print(f'{len(list(declarations(inputs.headers)))} functions, {len(inputs.pages)} pages, {len(found)} problems')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
