#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Read the example server's metrics in both formats, then stop it during a request that takes longer than its drain
timeout.

    httpd.py SERVER FOLDER_OF_FORMATS.PY [PROMTOOL]
"""

import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

REQUEST_MS = 10000  # the server's maximum; it is stopped far earlier
LIMIT_S = 8

WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))

TYPES = ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'text/plain; version=0.0.4; charset=utf-8']
OPENMETRICS, TEXT = 0, 1

# What clients send, and the format that they get.
ACCEPTED = [
    (None, TEXT), ('', TEXT), ('*/*', TEXT), ('text/html', TEXT), ('text/plain', TEXT),
    ('application/openmetrics-text', OPENMETRICS), ('APPLICATION/OpenMetrics-Text ; Version="1.0.0"', OPENMETRICS),
    ('application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,'
     'text/plain;version=0.0.4;q=0.5,*/*;q=0.1', OPENMETRICS),
    ('application/openmetrics-text; version=0.0.1, text/plain; q=0.1', TEXT),
    ('application/openmetrics-text;q=0.5, text/plain;version=0.0.4;q=0.6', TEXT),
    ('text/plain;q=0.5;version=0.0.4 , application/openmetrics-text; version=1.0.0; q=0.5', OPENMETRICS),
    ('application/openmetrics-text;q=0.3,text/*;q=0.2,*/*;q=0.9', OPENMETRICS),
    ('application/openmetrics-text;q=0.3,*/*;q=0.9', TEXT), ('application/openmetrics-text;q=0', TEXT),
    ('application/openmetrics-text;q=0.3,text/plain;version=1.0.0', OPENMETRICS), (';;,,;q=,version=,q', TEXT),
    ('application/openmetrics-textual', TEXT),
]


def get(url, accept=None):
    headers = {'Accept': accept} if accept is not None else {}
    with WITHOUT_PROXY.open(urllib.request.Request(url, headers=headers), timeout=30) as response:
        return response.headers['Content-Type'], response.read().decode()


def work_until_cut_off(url):
    try:
        get(f'{url}work?ms={REQUEST_MS}')
    except (OSError, urllib.error.URLError):
        pass


def check_formats(url, formats, promtool):
    for accept, wanted in ACCEPTED:
        kind, text = get(f'{url}metrics', accept)
        assert kind == TYPES[wanted], f'{accept}: {kind}'
        parsed = formats.parse(text, wanted)
        assert set(parsed.types) == set(parsed.helps), text
    if promtool:
        subprocess.run([promtool, 'check', 'metrics'], input=get(f'{url}metrics')[1], text=True, check=True)


def wait_until_inside(url):
    while 'httpd_requests_in_flight{counted_by="mutex"} 1\n' not in get(f'{url}metrics')[1]:
        pass


def check_server(server, formats, promtool):
    url = re.search(r'http://\S+', server.stdout.readline())[0]
    assert '<link rel="icon"' in get(url)[1]
    check_formats(url, formats, promtool)
    threading.Thread(target=work_until_cut_off, args=[url], daemon=True).start()
    wait_until_inside(url)
    metrics = get(f'{url}metrics')[1]
    for sample in ('httpd_requests_in_flight_peak{counted_by="mutex"} 1', 'httpd_requests_total{counted_by="mutex"} 1',
                   'httpd_responses_total{route="/"} 1', 'httpd_responses_total{route="/work"} 0'):
        assert f'{sample}\n' in metrics, metrics

    server.send_signal(signal.SIGTERM)
    output, _ = server.communicate(timeout=LIMIT_S)
    assert server.returncode == 1 and '1 requests are cut off' in output, (server.returncode, output)


def main():
    program, folder, *promtool = sys.argv[1:]
    sys.path.insert(0, folder)
    import formats  # pylint: disable=import-outside-toplevel,import-error
    with subprocess.Popen([program, 'mutex', '--port', '0', '--drain', '1'], stdout=subprocess.PIPE,
                          text=True) as server:
        try:
            check_server(server, formats, promtool[0] if promtool else None)
        finally:
            server.kill()
    return 0


if __name__ == '__main__':
    sys.exit(main())
