#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lints manual pages with mandoc. Everything counts, but that pages of other projects may not be installed.

groff takes every mdoc page for one of BSD and says so at its head and foot, unless the page names something else.
"""

import subprocess
import sys
from pathlib import Path

NOT_INSTALLED = 'referenced manual not found: Xr '
HEAD_AND_FOOT = """.ds doc-volume-operating-system libtscounter
.ds doc-default-operating-system libtscounter
.Dt """
BAD_USAGE = 5  # and what is above it


def main():
    mandoc, *pages = sys.argv[1:]
    result = subprocess.run([mandoc, '-Tlint', *pages], check=False, text=True, stdout=subprocess.PIPE)
    found = [line for line in result.stdout.splitlines() if NOT_INSTALLED not in line]
    found += [f'{page}: is one of BSD: there is no\n{HEAD_AND_FOOT}' for page in pages
              if HEAD_AND_FOOT not in Path(page).read_text()]
    print('\n'.join(found))
    print(f'{len(pages)} pages, {len(found)} problems')
    sys.exit(1 if found or not pages or result.returncode >= BAD_USAGE else 0)


if __name__ == '__main__':
    main()
