"""Write a trained model as a detente model folder: Hugging Face encoder, head.safetensors, detente.json."""

import json
import shutil

import torch
from safetensors.torch import save_file


def export(model, base, folder):
    folder.mkdir(parents=True, exist_ok=True)
    encoder = {n: p.detach().float().cpu().contiguous() for n, p in model.encoder.state_dict().items() if "position_ids" not in n}
    save_file(encoder, folder / "model.safetensors", metadata={"format": "pt"})
    head = model.head
    tensors = {
        "tone.weight": head.tone.weight[0],
        "tone.bias": head.tone.bias,
        "attention.weight": head.attention.weight[0],
        "attention.position": head.position.reshape(1),
        "attention.first": head.first.reshape(1),
        "logit.scale": torch.exp(head.log_scale).reshape(1),
        "logit.bias": head.bias.reshape(1),
        "relevance.weight": head.relevance.weight[0],
        "relevance.bias": head.relevance.bias,
    }
    save_file({n: t.detach().float().cpu().clone().contiguous() for n, t in tensors.items()}, folder / "head.safetensors")
    model.encoder.config.to_json_file(folder / "config.json")
    shutil.copy(base / "tokenizer.json", folder)
    (folder / "detente.json").write_text(json.dumps({"format": 1, "id": "detente-base", "window": 256}, indent=2) + "\n")
