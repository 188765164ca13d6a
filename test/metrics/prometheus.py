# SPDX-License-Identifier: MIT
"""A real Prometheus on the loopback interface, which scrapes a few targets, and its HTTP API."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

LIMIT_S = 60

CONFIG = '''
global:
  scrape_interval: {interval}
  scrape_timeout: {interval}
scrape_configs:
'''

JOB = '''
  - job_name: {name}
    metrics_path: {path}
    static_configs:
      - targets: ['{address}']
'''

WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_installed():
    return shutil.which('prometheus') is not None


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Prometheus:
    """A context. `targets` has the address and the path of each job."""

    def __init__(self, targets, interval):
        self.targets = targets
        self.interval = interval
        self.port = free_port()
        self.folder = self.process = self.log = None

    def __enter__(self):
        # pylint: disable=consider-using-with
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        config = CONFIG.format(interval=self.interval)
        config += ''.join(JOB.format(name=name, address=address, path=where)
                          for name, (address, where) in self.targets.items())
        (path / 'config.yml').write_text(config, encoding='utf-8')
        self.log = (path / 'log').open('w+', encoding='utf-8')
        self.process = subprocess.Popen(
            ['prometheus', f'--config.file={path}/config.yml', f'--storage.tsdb.path={path}/data',
             f'--web.listen-address=127.0.0.1:{self.port}'], stdout=self.log, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def ask(self, path, **parameters):
        url = f'http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}'
        with WITHOUT_PROXY.open(url, timeout=10) as response:
            return json.load(response)['data']['result']

    def query(self, text):
        """The values now, as (labels, value) pairs; none while it starts."""
        try:
            return [(sample['metric'], sample['value'][1]) for sample in self.ask('query', query=text)]
        except (urllib.error.URLError, ConnectionError):
            if self.process.poll() is not None:
                raise SystemExit(f'Prometheus ended:\n{self.printed()}') from None
            return []

    def printed(self):
        self.log.seek(0)
        return self.log.read()

    def wait_until(self, what, condition):
        """Asks again and again until the condition holds."""
        end = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(f'not in {LIMIT_S} s: {what}\n{self.printed()}')
            time.sleep(0.05)
