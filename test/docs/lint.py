#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lints manual pages with mandoc. Everything counts, but that pages of other projects may not be installed."""

import subprocess
import sys

NOT_INSTALLED = 'referenced manual not found: Xr '
BAD_USAGE = 5  # and what is above it


def main():
    mandoc, *pages = sys.argv[1:]
    result = subprocess.run([mandoc, '-Tlint', *pages], check=False, text=True, stdout=subprocess.PIPE)
    found = [line for line in result.stdout.splitlines() if NOT_INSTALLED not in line]
    print('\n'.join(found))
    print(f'{len(pages)} pages, {len(found)} problems')
    sys.exit(1 if found or not pages or result.returncode >= BAD_USAGE else 0)


if __name__ == '__main__':
    main()
