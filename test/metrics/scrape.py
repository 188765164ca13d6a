#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A real Prometheus scrapes the example server, and random counters in both formats. Its HTTP API has to show them.

    scrape.py EXPOSE SERVER
"""

import http.server
import os
import random
import re
import subprocess
import sys
import threading
import urllib.parse

import check
import formats
import prometheus

SCRAPES = 3
COUNTERS = 300
OWN_LABELS = {'__name__', 'job', 'instance'}
TYPES = {formats.OPENMETRICS: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
         formats.TEXT: 'text/plain; version=0.0.4; charset=utf-8'}
JOBS = {formats.OPENMETRICS: 'openmetrics', formats.TEXT: 'text'}
REQUESTS = 7


class Texts(http.server.BaseHTTPRequestHandler):
    """Responds at /0 and /1 with the text of that format."""
    texts = {}

    def do_GET(self):  # pylint: disable=invalid-name
        form = int(self.path[1:])
        self.send_response(200)
        self.send_header('Content-Type', TYPES[form])
        self.end_headers()
        self.wfile.write(self.texts[form].encode())

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


def make_texts(command, seed):
    """The texts of random counters, and the samples that they have."""
    chance = random.Random(seed)
    counters = [check.random_counter(chance, False) for _ in range(COUNTERS)]
    expose = check.Expose([command])
    expose.make(counters)
    Texts.texts = {form: expose.written(form) for form in TYPES}
    expose.close()
    return formats.expected(counters)


def scraped(server, job):
    """The samples of a job that Prometheus shows now."""
    return {(labels['__name__'], tuple(sorted((name, value) for name, value in labels.items()
                                              if name not in OWN_LABELS))): float(value)
            for labels, value in server.query(f'{{job="{job}"}}')
            if labels['__name__'] != 'up' and not labels['__name__'].startswith('scrape_')}


def compare(server, job, want):
    found = scraped(server, job)
    if found != want:
        raise SystemExit(f'{job}: other samples: {sorted(found.items() ^ want.items())}')


def check_random(server, want):
    want = {sample: float(value) for sample, value in want.items()}
    for form, job in JOBS.items():
        compare(server, job, want)
        print(f'format {form}: {len(want)} samples')


def check_example(server):
    for sample, want in (('httpd_requests_total{counted_by="mutex"}', REQUESTS),
                         ('httpd_requests_in_flight{counted_by="mutex"}', 0),
                         ('httpd_requests_in_flight_peak{counted_by="mutex"}', 1),
                         ('httpd_responses_total{route="/work"}', REQUESTS)):
        found = [value for _, value in server.query(sample)]
        if found != [str(want)]:
            raise SystemExit(f'{sample}: {found}')


def scrape(expose, url):
    seed = int(os.environ.get('TSC_TEST_SEED', random.randrange(1 << 32)))
    print(f'seed {seed}')
    want = make_texts(expose, seed)
    texts = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Texts)
    threading.Thread(target=texts.serve_forever, daemon=True).start()
    for _ in range(REQUESTS):
        prometheus.WITHOUT_PROXY.open(f'{url}work?ms=0', timeout=30).close()
    address = f'127.0.0.1:{texts.server_address[1]}'
    targets = {'example': (urllib.parse.urlsplit(url).netloc, '/metrics')}
    targets.update({job: (address, f'/{form}') for form, job in JOBS.items()})
    with prometheus.Prometheus(targets, '250ms') as server:
        for job in targets:
            server.wait_until(f'{SCRAPES} scrapes of {job}', lambda job=job: [
                value for _, value in server.query(f'sum_over_time(up{{job="{job}"}}[1m])') if float(value) >= SCRAPES])
        check_example(server)
        check_random(server, want)
    texts.shutdown()


def main():
    expose, program = sys.argv[1:]
    if not prometheus.is_installed():
        check.skip('Prometheus is not installed')
    with subprocess.Popen([program, 'mutex', '--port', '0'], stdout=subprocess.PIPE, text=True) as httpd:
        try:
            scrape(expose, re.search(r'http://\S+', httpd.stdout.readline())[0])
        finally:
            httpd.terminate()
    return 0


if __name__ == '__main__':
    sys.exit(main())
