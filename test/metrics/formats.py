# SPDX-License-Identifier: MIT
"""Strict parsers of the two text formats, as far as counters and gauges go, and a model of what is written.

OPENMETRICS and TEXT are the numbers of the library. parse() returns the samples, or raises Wrong.
"""

import re

OPENMETRICS, TEXT = 0, 1
GAUGE, TOTAL, HELD = 0, 1, 2

METRIC = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
LABEL = r'(?!__)([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
NAME = re.compile(rf'({METRIC})(?:\{{((?:{LABEL}(?:,(?!\}})|(?=\}})))*)\}})?')
SAMPLE = re.compile(rf'({METRIC})(?:\{{((?:{LABEL}(?:,(?!\}})|(?=\}})))+)\}})? (-?[1-9][0-9]*|0)')
TYPE = re.compile(rf'# TYPE ({METRIC}) (gauge|counter)')
HELP = {OPENMETRICS: re.compile(rf'# HELP ({METRIC}) ((?:[^"\\\n]|\\["\\n])+)'),
        TEXT: re.compile(rf'# HELP ({METRIC}) ((?:[^\\\n]|\\[\\n])+)')}
SUFFIXES = {'counter': ('', '_total', '_created'), 'gauge': ('',)}


class Wrong(Exception):
    pass


def unescape(text):
    return re.sub(r'\\(.)', lambda match: '\n' if match[1] == 'n' else match[1], text)


def labels_of(text):
    """The labels as a sorted tuple; a label with an empty value is the same as none."""
    pairs = [(name, unescape(value)) for name, value in re.findall(LABEL, text or '')]
    if len({name for name, _ in pairs}) != len(pairs):
        raise Wrong(f'a label twice: {text}')
    return tuple(sorted(pair for pair in pairs if pair[1]))


class Parser:
    def __init__(self, form):
        self.form = form
        self.samples = {}
        self.helps = {}
        self.types = {}
        self.taken = set()
        self.family = None
        self.help_of = None

    def take_help(self, name, text):
        if name in self.helps or name in self.types:
            raise Wrong(f'a help of {name} that is late')
        self.helps[name] = unescape(text)
        self.help_of = name

    def take_type(self, name, kind):
        names = {name + suffix for suffix in SUFFIXES[kind]} if self.form == OPENMETRICS else {name}
        if names & self.taken:
            raise Wrong(f'{name} clashes')
        if self.help_of not in (None, name):
            raise Wrong(f'the help of {self.help_of} is followed by {name}')
        if self.form == TEXT and kind == 'counter' and not name.endswith('_total'):
            raise Wrong(f'{name} has no suffix')
        self.taken |= names
        self.types[name] = kind
        self.family, self.help_of = name, None

    def take_sample(self, name, labels, value):
        counter = self.types.get(self.family) == 'counter'
        suffix = '_total' if counter and self.form == OPENMETRICS else ''
        if self.family is None or self.help_of or name != self.family + suffix:
            raise Wrong(f'{name} in the family {self.family}')
        if counter and value < 0:
            raise Wrong(f'{name} is negative')
        if (name, labels) in self.samples:
            raise Wrong(f'{name} {labels} twice')
        self.samples[name, labels] = value


def parse(text, form):
    """The parsed text: samples by name and labels, and helps and types by family."""
    lines = text.split('\n')
    if text and lines.pop() != '':
        raise Wrong('the last line does not end')
    if form == OPENMETRICS and (not text or lines.pop() != '# EOF'):
        raise Wrong('no end')
    parser = Parser(form)
    for line in lines if text else []:
        if match := HELP[form].fullmatch(line):
            parser.take_help(match[1], match[2])
        elif match := TYPE.fullmatch(line):
            parser.take_type(match[1], match[2])
        elif match := SAMPLE.fullmatch(line):
            parser.take_sample(match[1], labels_of(match[2]), int(match[5]))
        else:
            raise Wrong(f'a line that is none: {line!r}')
    if set(parser.helps) - set(parser.types) or parser.help_of:
        raise Wrong('a help without a type')
    return parser


# -------- the model --------

def name_of(counter):
    """The metric without "_total" and the labels, or None."""
    match = NAME.fullmatch(counter.name)
    if not match:
        return None
    try:
        labels = labels_of(match[2])
    except Wrong:
        return None
    metric = match[1].removesuffix('_total') if counter.kind == TOTAL else match[1]
    return (metric, labels) if metric else None


def names_taken(metric, kind):
    return [metric + suffix for suffix in SUFFIXES['counter' if kind == TOTAL else 'gauge']]


def name_of_peak(metric, kind):
    return (metric if kind == TOTAL else metric.removesuffix('_total')) + '_peak'


def expected(counters):
    """The samples that both formats have, by name and labels. The owner of a name is its metric and its role."""
    owners = {'tscounter': ('tscounter', GAUGE), 'tscounter_peak': ('tscounter', GAUGE, 'peak')}
    owners.update({name: ('tscounter_counted', TOTAL) for name in names_taken('tscounter_counted', TOTAL)})
    owners['tscounter_counted_peak'] = ('tscounter_counted', TOTAL, 'peak')
    kinds, values, peaks = {}, {}, {}

    def wanted(metric, counter):
        role = GAUGE if counter.kind == HELD else counter.kind
        names = dict.fromkeys(names_taken(metric, role), (metric, role))
        if counter.peak:
            names[name_of_peak(metric, role)] = (metric, role, 'peak')
        return names

    for counter in counters:
        own = name_of(counter)
        names = wanted(own[0], counter) if own else {}
        if not own or any(owners.get(name, owner) != owner for name, owner in names.items()) or \
                kinds.get((wanted_sample(*own, counter)), counter.kind) != counter.kind:
            own = ('tscounter_counted' if counter.kind == TOTAL else 'tscounter', (('name', counter.name),))
            names = wanted(own[0], counter)
        owners.update(names)
        sample = wanted_sample(*own, counter)
        kinds.setdefault(sample, counter.kind)
        values[sample] = values.get(sample, 0) + counter.value
        if counter.peak:
            peak = name_of_peak(own[0], counter.kind), own[1]
            peaks[peak] = max(peaks.get(peak, counter.value), counter.value)
    return {**{sample: wrapped(value, kinds[sample]) for sample, value in values.items()}, **peaks}


def wanted_sample(metric, labels, counter):
    return metric + ('_total' if counter.kind == TOTAL else ''), labels


def wrapped(value, kind):
    value %= 1 << 64
    return value if kind == TOTAL or value < 1 << 63 else value - (1 << 64)
