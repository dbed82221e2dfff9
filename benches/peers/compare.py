#!/usr/bin/env python3
"""Our encoder against ONNX Runtime, PyTorch and candle-transformers: the same weights, windows and threads, in alternation.

    pip install -r benches/peers/requirements.txt
    cargo bench --no-run --bench ours
    python benches/peers/compare.py --threads 1

Prints medians in tokens a second with the ratios of each round's pairs (medians too), as Markdown.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = ["onnxruntime int8", "onnxruntime f32", "pytorch f32", "candle f32"]
# Seconds before each run: threads of ONNX Runtime and PyTorch look for work in a loop for a while after theirs, on cores that the next
# encoder would share with them.
REST = 0.3


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--model", type=Path, default=ROOT / "models/default", help="detente model folder, stored as int8")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--batches", default="8x256,8x512", help="windows x length, comma-separated")
    p.add_argument("--peers", default=",".join(PEERS))
    args = p.parse_args()
    if unknown := set(args.peers.split(",")) - set(PEERS):
        p.error(f"no peer {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    return args


def load(folder):
    """The model as a transformers BertModel in f32, from int8 matrices with row scales and a Q4_0 table."""
    import torch
    from gguf import GGUFReader
    from gguf.quants import dequantize
    from safetensors.torch import load_file
    from transformers import BertConfig, BertModel

    stored = load_file(folder / "encoder.safetensors")
    tensors = {}
    for name, tensor in stored.items():
        if not name.endswith(".scale"):
            scale = stored.get(f"{name}.scale")
            tensors[name] = tensor if scale is None else tensor.float() * scale[:, None]
    (table,) = GGUFReader(folder / "embeddings.gguf").tensors
    words = torch.from_numpy(dequantize(table.data, table.tensor_type).copy())
    tensors["embeddings.word_embeddings.weight"] = words
    config = BertConfig.from_json_file(folder / "config.json")
    config.vocab_size = len(words)
    config._attn_implementation = "sdpa"
    model = BertModel(config, add_pooling_layer=False).eval()
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    assert not unexpected and all("position_ids" in name or "token_type_ids" in name for name in missing), (missing, unexpected)
    return model


def windows(count, length):
    return [[(at * 31 + number * 7) % 997 + 5 for at in range(length)] for number in range(count)]


class Ours:
    """The Rust process; one run a question."""

    def __init__(self, folder, threads):
        built = ["cargo", "bench", "--no-run", "--bench", "ours", "--message-format", "json"]
        lines = subprocess.run(built, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
        (program,) = [m["executable"] for m in map(json.loads, lines) if m.get("executable") and m["target"]["name"] == "ours"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([program, str(folder), str(threads)], stdin=pipe, stdout=pipe, text=True)

    def run(self, encoder, count, length):
        print(encoder, count, length, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def exported(model, folder):
    """ONNX files of the model, f32 and dynamically quantised int8."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    class States(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    model.set_attn_implementation("eager")  # traced with sdpa, the mask becomes constants of one shape
    ids = torch.ones(2, 16, dtype=torch.long)
    axes = {name: {0: "windows", 1: "length"} for name in ("input_ids", "attention_mask", "states")}
    names = {"input_names": ["input_ids", "attention_mask"], "output_names": ["states"], "dynamic_axes": axes}
    torch.onnx.export(States(), (ids, torch.ones_like(ids)), folder / "f32.onnx", opset_version=17, dynamo=False, **names)
    model.set_attn_implementation("sdpa")
    quantize_dynamic(folder / "f32.onnx", folder / "int8.onnx", weight_type=QuantType.QInt8)
    return folder / "f32.onnx", folder / "int8.onnx"


def onnxruntime_peer(path, threads):
    import numpy as np
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(count, length):
        ids = np.array(windows(count, length), dtype=np.int64)
        started = time.perf_counter()
        session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        return time.perf_counter() - started

    return run


def pytorch_peer(model, threads):
    import torch

    torch.set_num_threads(threads)

    def run(count, length):
        ids = torch.tensor(windows(count, length))
        started = time.perf_counter()
        with torch.inference_mode():
            model(input_ids=ids)
        return time.perf_counter() - started

    return run


def main():
    args = arguments()
    peers = args.peers.split(",")
    model = load(args.model)
    ours = Ours(args.model, args.threads)
    runs = {f"ours {kind}": lambda count, length, kind=kind: ours.run(kind, count, length) for kind in ("int8", "f32")}
    with tempfile.TemporaryDirectory() as folder:
        if any(peer.startswith("onnxruntime") for peer in peers):
            f32, int8 = exported(model, Path(folder))
            onnx = {"onnxruntime int8": onnxruntime_peer(int8, args.threads), "onnxruntime f32": onnxruntime_peer(f32, args.threads)}
            runs |= {name: run for name, run in onnx.items() if name in peers}
        if "pytorch f32" in peers:
            runs["pytorch f32"] = pytorch_peer(model, args.threads)
        if "candle f32" in peers:
            runs["candle f32"] = lambda count, length: ours.run("candle", count, length)
        cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
        print(f"{time.strftime('%Y-%m-%d')}, {cpu}, {args.threads} of {os.cpu_count()} threads, medians of {args.rounds} rounds\n")
        print("| windows | encoder | tokens/s | ours int8 is | ours f32 is |\n| --- | --- | ---: | ---: | ---: |")
        for batch in args.batches.split(","):
            count, length = map(int, batch.split("x"))
            seconds = {name: [] for name in runs}
            for number in range(args.rounds + 1):
                for name, run in runs.items():
                    time.sleep(REST)
                    took = run(count, length)
                    if number:  # the first round warms up
                        seconds[name].append(took)
            for name, took in seconds.items():
                rate = count * length / statistics.median(took)
                ratio = {
                    kind: statistics.median(peer / own for peer, own in zip(took, seconds[f"ours {kind}"])) for kind in ("int8", "f32")
                }
                print(f"| {batch} | {name} | {rate:,.0f} | {ratio['int8']:.2f} × | {ratio['f32']:.2f} × |", flush=True)


if __name__ == "__main__":
    main()
