#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Repeat the runs of the guide, shortened, and draw them. Check that the kept pictures match the kept runs.

    runs.py PROGRAM GUIDE [BACKEND]...
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BUSY_MS = 60
TIMEOUT = 60 * float(os.environ.get('TSC_TEST_TIMEOUT_SCALE', '1'))
BACKENDS = ('mutex', 'atomic', 'queue', 'percpu')
PANELS = {
    'int.svg': {'int-1': 'run 1', 'int-2': 'run 2', 'int-3': 'run 3'},
    'backends.svg': {backend: backend for backend in BACKENDS},
}


def end_of(folder, run):
    """The true number inside at the end, and the number that the counter showed."""
    *samples, end = (folder / f'{run}.tsv').read_text().splitlines()
    if not samples or any(len(sample.split('\t')) != 3 for sample in samples):
        raise SystemExit(f'{run}: the samples are not a time and two counts')
    return tuple(map(int, end.split('\t')[1:]))


def make_run(program, folder, run):
    wrapper = shlex.split(os.environ.get('MESON_EXE_WRAPPER', ''))
    with open(folder / f'{run}.tsv', 'w', encoding='utf-8') as file:
        subprocess.run([*wrapper, program, run.partition('-')[0], str(BUSY_MS)], check=True, timeout=TIMEOUT,
                       stdout=file)


def check_runs(folder, runs):
    for run in runs:
        inside, shown = end_of(folder, run)
        print(f'{run}: {inside} inside, {shown} shown')
        if inside != 0 or (shown != 0 and not run.startswith('int-')):
            raise SystemExit(f'{run}: expected 0 inside at the end')


def check_pictures(folder):
    for picture, panels in PANELS.items():
        text = (folder / picture).read_text()
        for run, heading in panels.items():
            if f'>{heading}: {end_of(folder, run)[1]} in the end<' not in text:
                raise SystemExit(f'{folder / picture} does not show {run}')


def check_scrape(folder):
    """The number of requests is in the title, and the peak never falls."""
    *samples, total = (folder / 'scrape.tsv').read_text().splitlines()
    peaks = [int(sample.split('\t')[2]) for sample in samples]
    if any(len(sample.split('\t')) != 4 for sample in samples) or peaks != sorted(peaks):
        raise SystemExit('scrape: the samples are not a time, requests in flight, their peak and a rate')
    if f'{total} requests, as Prometheus scraped them' not in (folder / 'scrape.svg').read_text():
        raise SystemExit(f'{folder / "scrape.svg"} does not show the scrape')


def main():
    program, guide, *backends = sys.argv[1:]
    kept = Path(guide) / 'results'
    check_runs(kept, [run for panels in PANELS.values() for run in panels])
    check_pictures(kept)
    check_scrape(kept)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        runs = [*PANELS['int.svg'], *backends]
        for run in runs:
            make_run(program, folder, run)
        check_runs(folder, runs)
        if shutil.which('gnuplot') and len(backends) == len(BACKENDS):
            shutil.copy(kept / 'scrape.tsv', folder)
            subprocess.run([sys.executable, Path(guide) / 'plot', folder], check=True)
            check_pictures(folder)
            check_scrape(folder)


if __name__ == '__main__':
    main()
