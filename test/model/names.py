#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Models and code name each other.

    names.py SOURCE_ROOT

Each model names the functions that it mirrors, and they exist; at least one mirrored file names the model. A model
that the code names exists, and mirrors that file.
"""

import re
import sys
from pathlib import Path


def mirrored(model):
    """The mirrored functions, by file."""
    functions = {}
    for file, names in re.findall(r'^ \* Mirrors: (\S+): (.+)$', model.read_text(encoding='utf-8'), re.MULTILINE):
        functions.setdefault(file, []).extend(names.split())
    return functions


def named_models(source):
    return set(re.findall(r'test/model/([\w-]+)\.pml', source.read_text(encoding='utf-8')))


def is_defined(function, text):
    return re.search(rf'^[\w\s*()]*\b{function}\([^;]*?\)\s*\{{', text, re.MULTILINE)


def complaints(root):
    models = {path.stem: mirrored(path) for path in sorted((root / 'test/model').glob('*.pml'))}
    sources = {str(path.relative_to(root)): path for path in sorted((root / 'src').rglob('*.[ch]'))}
    named = {name: named_models(path) for name, path in sources.items()}

    if not models or not any(named.values()):
        yield 'no models, or none is named'
    for model, files in models.items():
        if not any(model in named.get(file, ()) for file in files):
            yield f'{model}.pml: no file that it mirrors names it'
        for file, functions in files.items():
            if file not in sources:
                yield f'{model}.pml: no {file}'
                continue
            text = sources[file].read_text(encoding='utf-8')
            for function in functions:
                if not is_defined(function, text):
                    yield f'{model}.pml: no {function} in {file}'
    for file, there in named.items():
        for model in sorted(there):
            if file not in models.get(model, {}):
                yield f'{file}: names {model}.pml, which does not mirror it'


def main():
    found = list(complaints(Path(sys.argv[1])))
    print('\n'.join(found))
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
