# SPDX-License-Identifier: MIT
"""Reads guides that are written in Markdown.

What is fenced is introduced by the paragraph before it, which has to say what it is:
- a program names its file, `like-this.c`;
- a quotation ends in a link to the file that has it, and a colon; rows of a table may be one, too. It is all of
  the file, or where "From" or "from" stands before the link, a part;
- text is what the commands or the program before it print, or each of the two before it where the paragraph begins
  with "Both". If it ends in "print:" or "prints:", that is exact; else the numbers are those of one run, and
  another run's differ.
"""

import re
import textwrap
from dataclasses import dataclass

LANGUAGES = ('c', 'cpp', 'python', 'sh', 'text')
LINK = r'\[[^]]*\]\(([^)]+)\)'


@dataclass(frozen=True)
class Block:
    introduction: str
    language: str  # or "table"
    text: str

    def name(self):
        """Of a program: what is called a file, or linked as one, last."""
        found = re.findall(r'[`\[]([\w-]+\.(?:c|cpp|py))[`\]]', self.introduction)
        return found[-1] if found else None

    def quoted_file(self):
        found = re.search(LINK + ':$', self.introduction)
        return found.group(1) if found else None

    def is_quoted_in_part(self):
        return self.language == 'table' or re.search(r'\b[Ff]rom ' + LINK + ':$', self.introduction) is not None

    def is_exact(self):
        return self.introduction.endswith(('print:', 'prints:'))


def last_paragraph(text):
    return ' '.join(text.rstrip().rpartition('\n\n')[2].split())


def is_excerpt(part, whole):
    """Whether the lines of `part`, however far they are indented, stand in `whole` one after the other."""
    part = textwrap.dedent(part).rstrip().splitlines()
    whole = whole.splitlines()
    return any(textwrap.dedent('\n'.join(whole[start:start + len(part)])).splitlines() == part
               for start in range(len(whole) - len(part) + 1))


class Guide:
    def __init__(self, text):
        self.text = text

    def blocks(self):
        pattern = r'^```(?P<language>.*)\n(?P<text>(?:.*\n)*?)^```$|^(?P<table>(?:\|.*\n)+)'
        for found in re.finditer(pattern, self.text, flags=re.M):
            introduction = last_paragraph(self.text[:found.start()])
            if found['table']:
                yield Block(introduction, 'table', found['table'])
            elif found['language'] in LANGUAGES:
                yield Block(introduction, found['language'], found['text'])
            else:
                raise SystemExit(f'what is fenced is not one of {LANGUAGES}: {found["language"]}\n{found["text"]}')

    def links(self):
        """To files beside it."""
        return [link for link in re.findall(LINK, self.text) if '://' not in link]
