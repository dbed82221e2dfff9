"""The base encoder as a Hugging Face folder, wherever it comes from."""

import json
import shutil
from pathlib import Path

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from huggingface_hub import snapshot_download
from safetensors.numpy import save_file

FILES = ["config.json", "tokenizer.json", "model.safetensors"]


def resolve(base, work):
    """`base` is a Hugging Face folder, a folder with one GGUF file and tokenizer.json (unpacked into `work`), or a hub id."""
    folder = Path(base)
    if not folder.is_dir():
        return Path(snapshot_download(base, allow_patterns=FILES))
    if (folder / "model.safetensors").exists():
        return folder
    (gguf,) = folder.glob("*.gguf")
    return unpack(gguf, folder / "tokenizer.json", work / "base")


def unpack(gguf, tokenizer, out):
    """A BERT GGUF with Hugging Face tensor names as f32 safetensors with its config.json."""
    if (out / "tokenizer.json").exists():
        return out
    out.mkdir(parents=True, exist_ok=True)
    reader = GGUFReader(gguf)
    tensors = {}
    for tensor in reader.tensors:
        shape = [int(n) for n in reversed(tensor.shape)]
        values = dequantize(tensor.data, tensor.tensor_type).reshape(shape)
        tensors[tensor.name] = np.ascontiguousarray(values, dtype=np.float32)
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})

    def field(name):
        return reader.fields[f"bert.{name}"].contents()

    vocabulary, hidden = tensors["embeddings.word_embeddings.weight"].shape
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": field("block_count"),
        "num_attention_heads": field("attention.head_count"),
        "intermediate_size": field("feed_forward_length"),
        "max_position_embeddings": field("context_length"),
        "layer_norm_eps": field("attention.layer_norm_epsilon"),
        "type_vocab_size": tensors["embeddings.token_type_embeddings.weight"].shape[0],
        "hidden_act": "gelu",
    }
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    shutil.copy(tokenizer, out / "tokenizer.json")  # last: its presence says that the folder is whole
    return out
