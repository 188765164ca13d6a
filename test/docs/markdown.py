# SPDX-License-Identifier: MIT
"""Read guides written in Markdown.

The paragraph before a fenced block says what the block is:
- a program names its file, `like-this.c`;
- a quotation ends in a link to its file and a colon; it may be rows of a table. It is the whole file, or a part of
  it if "From" or "from" precedes the link;
- text is the output of the commands or program before it, or of the two before it if the paragraph begins
  with "Both". If the paragraph ends in "print:" or "prints:", the output is exact; otherwise its numbers vary from
  run to run.
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
        """The name of a program: the last file that is named or linked."""
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
    """Whether the lines of `part`, at any indentation, stand in `whole` consecutively."""
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
                raise SystemExit(f'a fenced block is not one of {LANGUAGES}: {found["language"]}\n{found["text"]}')

    def links(self):
        """Links to other files in the folder."""
        return [link for link in re.findall(LINK, self.text) if '://' not in link]
