#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the API reference with doxygen, whose warnings are errors, and looks for each function in it."""

import argparse
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

from declarations import declarations


def documented(index):
    """The functions and macros that have a paragraph of their own."""
    return {member.findtext('name') for member in xml.etree.ElementTree.parse(index).iter('member')
            if member.get('kind') in ('function', 'define') and member.findtext('anchor')}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--header', action='append', type=Path, required=True)
    parser.add_argument('doxygen')
    parser.add_argument('doxyfile', type=Path)
    arguments = parser.parse_args()

    subprocess.run([arguments.doxygen, arguments.doxyfile], check=True)
    found = documented(arguments.doxyfile.parent / 'libtscounter.tag')
    headers = '\n'.join(header.read_text() for header in arguments.header)
    declared = {declaration.name for declaration in declarations(headers)}
    missing = sorted(declared - found)
    for name in missing:
        print(f'{name}: not in the reference')
    print(f'{len(declared)} functions, {len(missing)} missing')
    sys.exit(1 if missing or not declared else 0)


if __name__ == '__main__':
    main()
