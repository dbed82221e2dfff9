"""Puts the texts back to rows that carry only the id of their article: the files of labels in datasets/ have no texts.

texts.py --raw FOLDER datasets/news-labels.jsonl > DATA/news-labels.jsonl

FOLDER holds the raw articles as JSON Lines with id, lang, title and text. The headline goes on the first line where the text does
not start with it, and the whole is cut; byte offsets in the labels count from there. A row whose article is missing, or whose text
is not the one that was labelled, is left out and counted on stderr.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

MAX_CHARS = {"zh": 1100}  # others 3,000: about as many tokens


def article(raw):
    title, text = (raw.get("title") or "").strip(), raw["text"]
    if title and not text.startswith(title):
        text = f"{title}\n{text}"
    return text[: MAX_CHARS.get(raw["lang"], 3000)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--raw", required=True, type=Path)
    p.add_argument("labels", type=Path)
    args = p.parse_args()
    with open(args.labels, encoding="utf-8") as lines:
        wanted = {row["id"]: row for row in map(json.loads, lines)}
    total = len(wanted)
    for path in sorted(args.raw.glob("*.jsonl")):
        with open(path, encoding="utf-8") as lines:
            for raw in map(json.loads, lines):
                row = wanted.get(raw["id"])
                if row and hashlib.sha256(raw["text"].encode()).hexdigest() == row["sha256"]:
                    del wanted[raw["id"]]
                    print(json.dumps(row | {"text": article(raw)}, ensure_ascii=False))
    print(f"{total - len(wanted)} of {total} articles found", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
