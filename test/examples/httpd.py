#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Read the example server's metrics, then stop it during a request that takes longer than its drain timeout.

    httpd.py SERVER [PROMTOOL]
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


def get(url):
    return WITHOUT_PROXY.open(url, timeout=30).read().decode()


def work_until_cut_off(url):
    try:
        get(f'{url}work?ms={REQUEST_MS}')
    except (OSError, urllib.error.URLError):
        pass


def check_metrics(text, promtool):
    families = re.findall(r'^# TYPE (\w+) \w+$', text, re.MULTILINE)
    assert families and all(f'# HELP {family} ' in text for family in families), text
    if promtool:
        subprocess.run([promtool, 'check', 'metrics'], input=text, text=True, check=True)


def wait_until_inside(url):
    while 'httpd_requests_in_flight{counted_by="truth"} 1\n' not in get(f'{url}metrics'):
        pass


def check_server(server, promtool):
    url = re.search(r'http://\S+', server.stdout.readline())[0]
    assert '<link rel="icon"' in get(url)
    threading.Thread(target=work_until_cut_off, args=[url], daemon=True).start()
    wait_until_inside(url)
    metrics = get(f'{url}metrics')
    check_metrics(metrics, promtool)
    assert 'httpd_requests_in_flight_peak{counted_by="truth"} 1\n' in metrics, metrics

    server.send_signal(signal.SIGTERM)
    output, _ = server.communicate(timeout=LIMIT_S)
    assert server.returncode == 1 and '1 requests are cut off' in output, (server.returncode, output)


def main():
    program, *promtool = sys.argv[1:]
    with subprocess.Popen([program, 'mutex', '--port', '0', '--drain', '1'], stdout=subprocess.PIPE,
                          text=True) as server:
        try:
            check_server(server, promtool[0] if promtool else None)
        finally:
            server.kill()
    return 0


if __name__ == '__main__':
    sys.exit(main())
