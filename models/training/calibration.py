#!/usr/bin/env python3
"""Print the articles that training holds out, labelled, as JSON Lines: what the model is calibrated on."""

import argparse
import json
import tomllib
from pathlib import Path

import sets

HERE = Path(__file__).parent


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True, type=Path, help="folder that the paths of the recipe start from")
    p.add_argument("--recipe", default=HERE / "recipe.toml", type=Path)
    args = p.parse_args()
    recipe = tomllib.loads(args.recipe.read_text())
    paths = {entry["path"] for stage in recipe["stage"] for entry in stage["sets"] if entry["kind"] == "news"}
    for path in sorted(paths):
        for row in sets.SETS["calibration"](sets.read(args.data / path)):
            print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
