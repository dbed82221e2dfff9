"""Articles as `detente windows` wrote them, in length-bucketed batches of tensors."""

import json
import random
from collections import defaultdict
from difflib import SequenceMatcher

import torch

NAN = float("nan")


def read(path, max_tokens=None):
    """Rows of a windows file; of a longer article the first windows whose tokens fit, at least one."""
    articles = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["windows"]:
                articles.append(cut(row, max_tokens) if max_tokens else row)
    return articles


def cut(row, max_tokens):
    windows, tokens = [], 0
    for window in row["windows"]:
        tokens += len(window["ids"])
        if windows and tokens > max_tokens:
            break
        windows.append(window)
    last = max(span[0] for window in windows for span in window["spans"])
    return row | {"windows": windows, "sentences": row["sentences"][: last + 1]}


def length(row):
    return sum(len(window["ids"]) for window in row["windows"])


def grouped(rows):
    """Rows in lists: those of a group together, others alone."""
    groups = defaultdict(list)
    for number, row in enumerate(rows):
        groups[row.get("group") or number].append(row)
    return list(groups.values())


def sample(rows, share, rng):
    """That share of the rows, at random; groups stay whole."""
    units = grouped(rows)
    return [row for unit in rng.sample(units, round(share * len(units))) for row in unit]


def batches(rows, max_tokens, max_articles, rng):
    """Groups stay whole; neighbours in length share a batch; the order of the batches is random."""
    units = grouped(rows)
    units.sort(key=lambda unit: max(map(length, unit)) * rng.uniform(0.9, 1.1))
    out, batch, tokens = [], [], 0
    for unit in units:
        size = sum(map(length, unit))
        if batch and (tokens + size > max_tokens or len(batch) + len(unit) > max_articles):
            out.append(batch)
            batch, tokens = [], 0
        batch.extend(unit)
        tokens += size
    if batch:
        out.append(batch)
    rng.shuffle(out)
    return out


def pairs(rows):
    """Places of the cooperative and of the confrontational member of each minimal pair among the rows."""
    members = defaultdict(dict)
    for place, row in enumerate(rows):
        if row.get("group") and row.get("lean"):
            members[row["group"]][row["lean"]] = place
    return [(pair["+"], pair["-"]) for pair in members.values() if len(pair) == 2]


def shared_tokens(rows):
    """Of each row in a minimal pair, for each window, which tokens its partner has too: what they share cannot tell the tone."""
    shared = {}
    for members in pairs(rows):
        for windows in zip(*(rows[place]["windows"] for place in members)):
            flags = [[False] * len(window["ids"]) for window in windows]
            matcher = SequenceMatcher(None, *(window["ids"] for window in windows), autojunk=False)
            for *starts, size in matcher.get_matching_blocks():
                for flag, start in zip(flags, starts):
                    flag[start : start + size] = [True] * size
            for place, flag in zip(members, flags):
                shared.setdefault(place, []).append(flag)
    return shared


def number(value, scale=1.0):
    return NAN if value is None else value * scale


def collate(rows, pad_id, mask_id=None, token_mask=0.0, shared_mask=0.0, rng=random, device="cpu", window_batch=16):
    """Tensors of one batch. Sentences of all its articles are numbered through; specials and padding are sentence -1.

    Of a member of a minimal pair only tokens that it shares with the other are masked, at a rate between 0 and shared_mask;
    of other rows any, at the rate token_mask.
    """
    article, index, sentence_tone, flat = [], [], [], []
    shared = shared_tokens(rows) if shared_mask else {}
    for number_in_batch, row in enumerate(rows):
        offset = len(article)
        article += [number_in_batch] * len(row["sentences"])
        index += range(len(row["sentences"]))
        sentence_tone += [number(s.get("tone"), 0.5) for s in row["sentences"]]
        rate = rng.uniform(0, shared_mask) if number_in_batch in shared else token_mask
        may_mask = iter(shared.get(number_in_batch, []))
        for window in row["windows"]:
            ids, of = list(window["ids"]), [-1] * len(window["ids"])
            for sentence, start, end in window["spans"]:
                of[start:end] = [offset + sentence] * (end - start)
            if rate:
                may = next(may_mask, [number_in_batch not in shared] * len(ids))
                ids = [mask_id if m and s >= 0 and rng.random() < rate else i for i, s, m in zip(ids, of, may)]
            flat.append((ids, of))
    flat.sort(key=lambda window: len(window[0]))
    windows = []
    tokens = torch.zeros(len(article))
    # Similar lengths together, so that little is padded.
    while flat:
        longest = len(flat[-1][0])
        part = [w for w in flat if len(w[0]) >= 0.8 * longest][-window_batch:]
        del flat[-len(part) :]
        ids = torch.full((len(part), longest), pad_id)
        of = torch.full((len(part), longest), -1)
        for line, (window_ids, window_of) in enumerate(part):
            ids[line, : len(window_ids)] = torch.tensor(window_ids)
            of[line, : len(window_of)] = torch.tensor(window_of)
        lengths = torch.tensor([len(w[0]) for w in part])
        mask = (torch.arange(longest)[None] < lengths[:, None]).long()
        mask = None if bool(mask.all()) else mask.to(device)
        inside = of[of >= 0]
        tokens.index_add_(0, inside, torch.ones(len(inside)))
        windows.append((ids.to(device), mask, of.to(device)))
    lean = [NAN if r.get("lean") is None else float(r["lean"] == "+") for r in rows]
    relevant = [NAN if r.get("rel") is None else float(r["rel"] > 0) for r in rows]

    def tensor(values):
        return torch.tensor(values, dtype=torch.float32, device=device)

    return {
        "windows": windows,
        "articles": len(rows),
        "article": torch.tensor(article, device=device),
        "index": torch.tensor(index, device=device),
        "tokens": tokens.clamp(min=1).to(device),
        "pairs": torch.tensor(pairs(rows), dtype=torch.long, device=device).reshape(-1, 2).T,
        "lean": tensor(lean),
        "tone": tensor([number(r.get("tone"), 0.5) for r in rows]),
        "relevant": tensor(relevant),
        "sentence_tone": tensor(sentence_tone),
    }
