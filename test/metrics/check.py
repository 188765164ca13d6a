#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random counters, written in both formats, and parsed.

    check.py EXPOSE strict          with the strict parsers of formats.py, and compared with its model
    check.py EXPOSE client          with the OpenMetrics parser of prometheus_client
    check.py EXPOSE promtool        with `promtool check metrics`
    check.py --self-test            the strict parsers reject what is wrong

TSC_TEST_SEED repeats a failure. TSC_TEST_ROUNDS is the number of sets of counters.
"""

import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass

import formats
from formats import GAUGE, HELD, OPENMETRICS, TEXT, TOTAL

SKIPPED = 77
ROUNDS = {'strict': 3000, 'client': 300, 'promtool': 20}
SIZES = {'strict': (1, 12), 'client': (1, 40), 'promtool': (200, 400)}

METRICS = ['a', 'b', 'ab', 'a_total', 'a_peak', 'a_created', 'b_total', 'b_total_total', 'a_total_peak', 'a_info',
           'a_sum', 'a_count', 'a_bucket', '_total', '_', ':', 'tscounter', 'tscounter_counted', 'tscounter_peak',
           'tscounter_counted_total', 'tscounter_counted_peak', 'tscounter_total', 'le', 'EOF']
LABELS = ['a', 'b', 'le', 'quantile', '_', 'name', 'A9', '__name__', '__', 'a b', '']
PIECES = ['"', '\\', '\n', '{', '}', ',', '=', ' ', '#', 'n', 'x', '1', 'ä', '€', '😀', '\r', '\t', '\x7f', '\u2028',
          '\x01', '\\n', '\\"', '\\\\', '# EOF', 'le', '__']


@dataclass
class Counter:
    kind: int
    peak: bool
    value: int
    name: str
    help: str


def text_of(chance, pieces, most):
    return ''.join(chance.choice(pieces) for _ in range(chance.randint(0, most)))


def escaped(text):
    return text.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n')


def random_name(chance):
    way = chance.randrange(10)
    if way == 0:
        return text_of(chance, PIECES, 12) or 'x'
    name = chance.choice(METRICS)
    if way < 4:
        return name
    labels = LABELS[:7] if chance.randrange(8) else LABELS
    pairs = [f'{chance.choice(labels)}="{escaped(text_of(chance, PIECES, 2))}"' for _ in range(chance.randint(0, 3))]
    name += '{' + ','.join(pairs) + '}'
    if way == 9:
        place = chance.randrange(len(name))
        name = name[:place] + chance.choice(PIECES) + name[place + chance.randrange(2):]
    return name


def cut(text):
    """At most 255 bytes."""
    return text.encode()[:255].decode(errors='ignore')


def random_counter(chance, plain_help):
    kind = chance.choice([GAUGE, GAUGE, TOTAL, TOTAL, HELD])
    value = chance.choice([0, 1, chance.randrange(1 << 63), (1 << 63) - 1, chance.randrange(1000)])
    if kind != TOTAL and chance.randrange(3) == 0:
        value = -value - chance.randrange(2)
    pieces = ['x', ' ', 'ä'] if plain_help else PIECES
    helps = text_of(chance, pieces, 6) if chance.randrange(2) else ''
    return Counter(kind, chance.randrange(4) == 0, value, cut(random_name(chance)), cut(helps))


class Expose:
    """The program that makes and writes counters."""

    def __init__(self, command):
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, line):
        self.process.stdin.write(line.encode() + b'\n')

    def make(self, counters):
        for counter in counters:
            self.tell(f'counter {counter.kind} {int(counter.peak)} {counter.value} -{counter.name.encode().hex()} '
                      f'-{counter.help.encode().hex()}')

    def written(self, form):
        self.tell(f'write {form}')
        self.process.stdin.flush()
        length = int(self.process.stdout.readline())
        return self.process.stdout.read(length).decode()

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise SystemExit('expose failed')


# -------- ways to parse --------

def check_strictly(counters, texts):
    want = formats.expected(counters)
    for form, text in texts.items():
        found = formats.parse(text, form)
        if found.samples != want:
            raise formats.Wrong(f'other samples: {sorted(found.samples.items() ^ want.items())}')
        helps = {counter.help for counter in counters}
        if set(found.helps.values()) - helps or (any(helps) and not found.helps):
            raise formats.Wrong(f'other helps: {found.helps}')


def check_with_client(counters, texts):
    # pylint: disable-next=import-error,import-outside-toplevel
    from prometheus_client.openmetrics import parser
    want = {(name, labels): float(value) for (name, labels), value in formats.expected(counters).items()}
    found = {(sample.name, tuple(sorted(sample.labels.items()))): float(sample.value)
             for family in parser.text_string_to_metric_families(texts[OPENMETRICS]) for sample in family.samples}
    if found != want:
        raise formats.Wrong(f'other samples: {sorted(found.items() ^ want.items())}')


def check_with_promtool(_, texts):
    for form, text in texts.items():
        # 1: it cannot parse the text; 3: it does not like the names.
        result = subprocess.run(['promtool', 'check', 'metrics'], input=text.encode(), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, check=False)
        if result.returncode not in (0, 3):
            raise formats.Wrong(f'format {form}: promtool: {result.stdout.decode()}')


CHECKS = {'strict': check_strictly, 'client': check_with_client, 'promtool': check_with_promtool}


def skip(reason):
    print(reason)
    sys.exit(SKIPPED)


def find_client():
    """Continues under the system's Python if that has the package, and this one does not."""
    try:
        import prometheus_client  # noqa: F401 pylint: disable=import-outside-toplevel,unused-import
    except ImportError:
        system = '/usr/bin/python3'
        if os.environ.get('TSC_TEST_SYSTEM_PYTHON') or not os.path.exists(system):
            skip('prometheus_client is not installed')
        os.execve(system, [system, *sys.argv], {**os.environ, 'TSC_TEST_SYSTEM_PYTHON': '1'})


def run_rounds(expose, how, seed, rounds):
    chance = random.Random(seed)
    samples = 0
    for number in range(rounds):
        # promtool reads OpenMetrics as the other format, in which a quotation mark in a help is not escaped.
        counters = [random_counter(chance, how == 'promtool') for _ in range(chance.randint(*SIZES[how]))]
        expose.make(counters)
        texts = {form: expose.written(form) for form in (OPENMETRICS, TEXT)}
        expose.tell('drop')
        try:
            CHECKS[how](counters, texts)
        except (formats.Wrong, ValueError) as wrong:
            print(f'seed {seed}, round {number}: {wrong}')
            print(*counters, sep='\n')
            print(*texts.values(), sep='--------\n')
            return 1
        samples += len(formats.expected(counters))
    print(f'{rounds} sets of counters, {samples} samples')
    return 0


# -------- the parsers themselves --------

WRONG = [
    ('a 1\n', TEXT), ('# TYPE a gauge\na 1', TEXT), ('# TYPE a gauge\na 1\n', OPENMETRICS), ('', OPENMETRICS),
    ('# EOF', OPENMETRICS), ('# EOF\n# EOF\n', OPENMETRICS), ('# EOF\n', TEXT), ('\n', TEXT),
    ('# TYPE a gauge\na 1\na 2\n', TEXT), ('# TYPE a gauge\na 1\n# TYPE a gauge\na{b="1"} 2\n', TEXT),
    ('# TYPE a gauge\na{b="1"} 1\n# TYPE c gauge\nc 1\na 2\n', TEXT), ('# TYPE a gauge\na{b=""} 1\na 2\n', TEXT),
    ('# TYPE a gauge\na{b="1",c="2"} 1\na{c="2",b="1"} 2\n', TEXT), ('# TYPE a gauge\na 01\n', TEXT),
    ('# TYPE a gauge\na 1.0\n', TEXT), ('# TYPE a gauge\na -0\n', TEXT), ('# TYPE a gauge\na{} 1\n', TEXT),
    ('# TYPE a gauge\na{b="1",} 1\n', TEXT), ('# TYPE a gauge\na{b="\\x"} 1\n', TEXT),
    ('# TYPE a gauge\na  1\n', TEXT),
    ('# TYPE a gauge\na{b="1",b="2"} 1\n', TEXT), ('# TYPE a_total counter\na_total -1\n', TEXT),
    ('# TYPE a counter\na_total 1\n', TEXT), ('# TYPE a_total counter\na_total 1\n# EOF\n', OPENMETRICS),
    ('# TYPE a counter\na_total 1\n# TYPE a_created gauge\na_created 1\n# EOF\n', OPENMETRICS),
    ('# TYPE a counter\na_total 1\n# TYPE a gauge\na 1\n# EOF\n', OPENMETRICS),
    ('# TYPE a gauge\n# HELP a b\na 1\n', TEXT), ('# HELP a b\n# HELP a b\n# TYPE a gauge\na 1\n', TEXT),
    ('# HELP a \\"\n# TYPE a gauge\na 1\n', TEXT), ('# HELP a "\n# TYPE a gauge\na 1\n# EOF\n', OPENMETRICS),
    ('# HELP b b\n# TYPE a gauge\na 1\n', TEXT), ('# HELP b b\n', TEXT), ('# HELP a \n# TYPE a gauge\na 1\n', TEXT),
]
RIGHT = [
    ('', TEXT), ('# EOF\n', OPENMETRICS), ('# HELP a "\\\\\\n\n# TYPE a gauge\na -1\na{b="\\"",c="\\n\\\\"} 0\n', TEXT),
    ('# HELP a \\"\n# TYPE a counter\na_total 18446744073709551615\n# EOF\n', OPENMETRICS),
]


def self_test():
    failed = 0
    for right, cases in ((False, WRONG), (True, RIGHT)):
        for text, form in cases:
            try:
                formats.parse(text, form)
                accepted = True
            except formats.Wrong:
                accepted = False
            if accepted != right:
                failed += 1
                print(f'format {form} is {"accepted" if accepted else "rejected"}: {text!r}')
    print(f'{len(WRONG) + len(RIGHT)} texts, {failed} failures')
    return failed != 0


def main():
    if sys.argv[1:] == ['--self-test']:
        return self_test()
    how, command = sys.argv[-1], sys.argv[1:-1]
    if how == 'client':
        find_client()
    if how == 'promtool' and not shutil.which('promtool'):
        skip('promtool is not installed')
    seed = int(os.environ.get('TSC_TEST_SEED', random.randrange(1 << 32)))
    expose = Expose(command)
    result = run_rounds(expose, how, seed, int(os.environ.get('TSC_TEST_ROUNDS', ROUNDS[how])))
    expose.close()
    return result


if __name__ == '__main__':
    sys.exit(main())
