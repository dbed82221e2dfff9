#!/usr/bin/env python3
"""Fine-tune the encoder with its head on labelled articles and write a detente model folder. See README.md beside this file."""

import argparse
import json
import math
import random
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import torch

import batches
import sets
from base import resolve
from export import export
from model import Model, losses

HERE = Path(__file__).parent
OFF = {"shared_mask": 0.0, "frozen_layers": 0}  # unless the recipe says more


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--base", required=True, help="folder (Hugging Face, or GGUF with tokenizer.json) or hub id of the base encoder")
    p.add_argument("--data", required=True, type=Path, help="folder that the paths of the recipe start from")
    p.add_argument("--output", required=True, type=Path, help="work folder; the model is written to its subfolder `model`")
    p.add_argument("--recipe", default=HERE / "recipe.toml", type=Path)
    p.add_argument("--detente", default="target/release/detente", help="the binary, for `detente windows`")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--checkpoint-minutes", type=float, default=5)
    return p.parse_args()


def windows_of(kind, path, args):
    """The windows file of one set, made once by the same Rust code that scores."""
    folder = args.output / "windows"
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / f"{kind or 'dev'}-{Path(path).parent.name}-{Path(path).stem}.jsonl"
    if not out.exists():
        rows = sets.SETS[kind](sets.read(args.data / path)) if kind else sets.read(args.data / path)
        source = out.with_suffix(".rows.jsonl")
        source.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
        partial = out.with_suffix(".partial")
        with open(partial, "wb") as f:
            subprocess.run([args.detente, "windows", "--model", str(args.base), str(source)], stdout=f, check=True)
        partial.rename(out)
        source.unlink()
    return out


def parameter_groups(model, stage):
    """Learning rate falls from the top layer to the bottom; biases and layer norms do not decay."""
    layers = model.encoder.config.num_hidden_layers
    groups = {}
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        if name.startswith("head."):
            rate = stage["head_lr"]
        elif ".layer." in name:
            rate = stage["lr"] * stage["layer_decay"] ** (layers - 1 - int(name.split(".layer.")[1].split(".")[0]))
        else:
            rate = stage["lr"] * stage["layer_decay"] ** layers
        decay = stage["weight_decay"] if p.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(p)
    return [{"params": ps, "lr": rate, "weight_decay": decay} for (rate, decay), ps in groups.items()]


def freeze(model, layers):
    """So many layers from below, and with them what is under them, are not trained."""
    encoder = model.encoder
    encoder.requires_grad_(True)
    below = (encoder.embeddings, *encoder.encoder.layer[:layers]) if layers else (encoder.embeddings.word_embeddings,)
    for module in below:
        module.requires_grad_(False)


def schedule(step, steps, warmup):
    """Linear warm-up, then linear decay to zero."""
    ramp = max(1, round(steps * warmup))
    return (step + 1) / ramp if step < ramp else max(0.0, (steps - step) / max(1, steps - ramp))


def evaluate(model, dev, pad_id, device):
    """Accuracy on the news, accuracy and share of pairs right on the written texts, relevance and sentence figures."""
    model.eval()
    report = {}
    with torch.inference_mode():
        for name, rows in dev.items():
            right, total, pairs = 0, 0, {}
            found, negatives, lost, main = 0, 0, 0, 0
            for batch in batches.batches(rows, 8192, 64, random.Random(0)):
                out = model(batches.collate(batch, pad_id, device=device))
                for row, logit, relevance in zip(batch, out["logit"].tolist(), out["relevance"].tolist()):
                    if row["rel"] == 0:
                        negatives, found = negatives + 1, found + (relevance < 0)
                    if row["rel"] == 2:
                        main, lost = main + 1, lost + (relevance < 0)
                    if row["rel"] and row["lean"]:
                        hit = (logit > 0) == (row["lean"] == "+")
                        right, total = right + hit, total + 1
                        if row.get("kind") == "pair":
                            pairs.setdefault(row["group"], []).append(hit)
            report[name] = {"accuracy": right / total, "found": found / max(1, negatives), "lost": lost / max(1, main)}
            if pairs:
                report[name]["pairs"] = sum(map(all, pairs.values())) / len(pairs)
    model.train()
    return report


def make_plan(stage, rng, args):
    """The batches of all epochs of a stage, and how many an epoch has (the last may be a part of one)."""
    plan, sizes = [], []
    for epoch in range(math.ceil(stage["epochs"])):
        caps = stage["max_tokens"]
        rows = []
        for entry in stage["sets"]:
            part = batches.read(windows_of(entry["kind"], entry["path"], args), caps[min(epoch, len(caps) - 1)])
            if "share" in entry:
                part = batches.sample(part, entry["share"], rng)
            for copy in range(entry.get("repeat", 1)):
                rows += [r | {"group": f"{r['group']} {copy}"} if r.get("group") else r for r in part]
        share = min(1.0, stage["epochs"] - epoch)
        new = batches.batches(rows, stage["batch_tokens"], stage["batch_articles"], rng)
        sizes.append(len(new))
        plan += new[: round(share * len(new))]
    return plan, min(sizes)


def log(folder, **values):
    line = json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()})
    print(line, flush=True)
    with open(folder / "log.jsonl", "a") as f:
        f.write(line + "\n")


def main():
    args = arguments()
    recipe = tomllib.loads(args.recipe.read_text())
    args.output.mkdir(parents=True, exist_ok=True)
    args.base = resolve(args.base, args.output)
    torch.manual_seed(recipe["seed"])
    model = Model(args.base).to(args.device)
    special = json.loads((args.base / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    special = {token["content"]: token["id"] for token in special}
    pad_id, mask_id = special["<pad>"], special["<mask>"]

    dev = {name: batches.read(windows_of(None, path, args)) for name, path in recipe["dev"].items()}
    checkpoint = args.output / "checkpoint.pt"
    state = torch.load(checkpoint, weights_only=False, map_location="cpu") if checkpoint.exists() else None
    best = state["best"] if state else -1.0

    for number, own in enumerate(recipe["stage"]):
        if state and state["stage"] > number:
            continue
        stage = OFF | recipe | own | {"loss": recipe["loss"] | own.get("loss", {})}
        plan, per_epoch = make_plan(stage, random.Random(recipe["seed"] + number), args)
        steps = len(plan)
        freeze(model, stage["frozen_layers"])
        optimiser = torch.optim.AdamW(parameter_groups(model, stage))
        rates = [group["lr"] for group in optimiser.param_groups]
        done = 0
        if state and state["stage"] == number:
            done = state["step"]
            model.load_state_dict(state["model"], strict=False)
            optimiser.load_state_dict(state["optimiser"])
        state = None
        trainable = [p for p in model.parameters() if p.requires_grad]
        sums, seen, started, saved = {}, 0, time.time(), time.time()
        model.train()
        for step in range(done, steps):
            for group, rate in zip(optimiser.param_groups, rates):
                group["lr"] = rate * schedule(step, steps, stage["warmup"])
            batch_rng = random.Random(f"{recipe['seed']}-{number}-{step}")
            batch = batches.collate(
                plan[step], pad_id, mask_id, stage["token_mask"], stage["shared_mask"], batch_rng, args.device
            )
            parts = losses(model(batch), batch, stage["label_smoothing"])
            loss = sum(stage["loss"][name] * value for name, value in parts.items())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trainable, stage["clip"])
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

            seen += sum(map(batches.length, plan[step]))
            for name, value in parts.items():
                sums[name] = 0.95 * sums.get(name, value.item()) + 0.05 * value.item()
            last = step + 1 == steps
            if (step + 1) % 20 == 0 or last:
                spent = time.time() - started
                eta = spent / (step + 1 - done) * (steps - step - 1) / 60
                log(args.output, stage=stage["name"], step=step + 1, steps=steps, eta_min=eta, tokens_s=seen / spent, **sums)
            if (step + 1) % per_epoch == 0 or last:
                report = evaluate(model, dev, pad_id, args.device)
                score = sum(r["accuracy"] for r in report.values()) / len(report)
                log(args.output, stage=stage["name"], step=step + 1, score=score, dev=report)
                if score > best:
                    best = score
                    export(model, args.base, args.output / "model")
            if time.time() - saved > 60 * args.checkpoint_minutes or last:
                saved = time.time()
                tensors = {n: p for n, p in model.state_dict().items() if "word_embeddings" not in n}
                partial = checkpoint.with_suffix(".partial")
                content = {"stage": number, "step": step + 1, "best": best, "model": tensors, "optimiser": optimiser.state_dict()}
                torch.save(content, partial)
                partial.rename(checkpoint)
        export(model, args.base, args.output / f"model-{stage['name']}")


if __name__ == "__main__":
    sys.exit(main())
