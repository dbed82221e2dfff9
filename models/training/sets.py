"""Which rows of each data set are learned from, and as what.

Every set becomes rows of one form: id, lang, text, rel (0, 1, 2 or None), tone (-2..2 or None), lean ("+", "-" or None),
sentences (labelled byte spans) and group (rows of a group go into the same step). None means: no loss of that kind.
"""

import hashlib
import json
from collections import defaultdict

CALIBRATION_SHARE = 10  # per cent of tone-news held out for calibration


def held_out(row_id):
    """True for the tenth of the articles that calibration sees and training does not."""
    return int(hashlib.sha256(row_id.encode()).hexdigest(), 16) % 100 < CALIBRATION_SHARE


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def row(source, **values):
    kept = {key: source.get(key) for key in ("id", "lang", "text", "rel", "tone", "lean")}
    kept["sentences"] = source.get("sentences") or []
    kept["group"] = source.get("group")
    return kept | values


def article(r):
    """Without relations between states it teaches relevance only, as a toss-up no lean: calibration is what needs toss-ups."""
    if not r["rel"]:
        return row(r, tone=None, lean=None)
    return row(r, lean=None) if r.get("certainty") == 1 else row(r)


def news(rows):
    return [article(r) for r in rows if not held_out(r["id"]) and r.get("split") != "dev"]


def calibration(rows):
    return [row(r) for r in rows if held_out(r["id"]) and r.get("split") != "dev"]


def written(rows):
    return [row(r) for r in rows]


def labelled(rows, keep):
    """Sentence and pair sets: a text counts where all its kept labels agree; neutral teaches a tone of zero."""
    by_text = defaultdict(list)
    for r in rows:
        if keep(r):
            by_text[r["text"]].append(r)
    out = []
    for same in by_text.values():
        labels = {r["label"] for r in same}
        if len(labels) == 1:
            label = labels.pop()
            lean = {"cooperative": "+", "confrontational": "-"}.get(label)
            out.append(row(same[0], rel=None, lean=lean, tone=0 if label == "neutral" else None))
    return out


SETS = {
    "news": news,
    "calibration": calibration,
    "written": written,
    "plv": lambda rows: labelled(rows, lambda r: r["split"] == "train"),
    # Rows that are also in plv would leak its test split or repeat its train split.
    "conflibert_cameo": lambda rows: labelled(rows, lambda r: not r.get("in_plv")),
    "trias_ec": lambda rows: labelled(rows, lambda r: True),
    # Its neutral label contains praise.
    "unscon": lambda rows: labelled(rows, lambda r: r["label"] == "confrontational"),
    "ruopinionne": lambda rows: labelled(rows, lambda r: r.get("intl") and r["split"] == "train"),
    "rusentrel": lambda rows: labelled(rows, lambda r: r.get("intl") and r["label"] != "neutral"),
}
