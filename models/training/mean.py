#!/usr/bin/env python3
"""The mean of the weights of model folders that the same run wrote: `mean.py OUTPUT FOLDER FOLDER…`."""

import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def main():
    output, *folders = map(Path, sys.argv[1:])
    shutil.copytree(folders[0], output, dirs_exist_ok=True)
    for name in ("model.safetensors", "head.safetensors"):
        parts = [load_file(folder / name) for folder in folders]
        mean = {key: torch.stack([part[key] for part in parts]).mean(0) for key in parts[0]}
        save_file(mean, output / name)


if __name__ == "__main__":
    main()
