# SPDX-License-Identifier: MIT
"""Translate the library's C into C++ with Relacy's atomics. Each operation keeps its memory order.

Only spelling changes: the statements, their sequence and their orders are those of src/.
"""

import re

REPLACED = [
    (r'#include <stdatomic\.h>', '#include "relacy-atomic.h"'),
    (r'\b((?:struct )?\w+ \*)_Atomic (\w+)', r'zeroed_atomic<\1> \2'),
    (r'\b_Atomic\(([^()]+)\)', r'zeroed_atomic<\1>'),
    (r'\b_Atomic ((?:struct )?\w+)', r'zeroed_atomic<\1>'),
    (r'\b_Alignas\(', 'alignas('),
    (r'\b_Thread_local\b', 'thread_local'),
    (r'\bmemory_order_(\w+)\b', r'rl::mo_\1'),
    (r'\bmemory_order (\w+)\b', r'rl::memory_order \1'),
]
# Plain objects that atomic ones hand from thread to thread: Relacy reports races on them.
PLAIN = {
    'src/backend/mutex.c': [
        (r'(?<=\n    )bool closed;', 'rl::var<bool> closed;'),
        (r'mutex->closed\b', 'mutex->closed(RL_INFO)'),
    ],
    'src/queue/ring.h': [
        (r'(?<=\n    )int64_t argument;', 'rl::var<int64_t> argument;'),
        (r'cell->argument\b', 'cell->argument(RL_INFO)'),
    ],
}


def translated(text, path):
    for pattern, replacement in REPLACED + PLAIN.get(path, []):
        text = re.sub(pattern, replacement, text)
    return text


def translate(root, target):
    """Translate all of src/ but the program into a folder of the same layout."""
    for source in sorted((root / 'src').rglob('*.[ch]')):
        path = source.relative_to(root).as_posix()
        if path.startswith('src/cli/'):
            continue
        file = target / source.relative_to(root / 'src')
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(translated(source.read_text(encoding='utf-8'), path), encoding='utf-8')
