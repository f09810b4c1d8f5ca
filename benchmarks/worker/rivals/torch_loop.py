"""The worker that this one replaces, as far as its time goes: PyTorch, one photo after another, a nap between jobs.

`PYTHON torch_loop.py FOLDER`, with a Python that has torch, numpy and Pillow. The network is the one of
`benchmarks/worker/vit.py`, its weights drawn in the same order from the same generator, so both answer alike; torch
keeps the threads that it takes by itself. `--answer` prints the first photo's logits instead.
Speaks as `benchmarks/worker/ceiling.py` does.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

SIZE, PATCH, WIDTH, HEADS, LAYERS, LABELS = 224, 16, 768, 12, 12, 2
TOKENS = (SIZE // PATCH) ** 2 + 1
JOB, NAP_S = 9, 0.1
"""Photos of a job, and the nap after it."""


class Attention(nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, tokens: Any) -> Any:
        query, key, value = (
            part(tokens).view(1, TOKENS, HEADS, WIDTH // HEADS).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        scores = (query @ key.transpose(2, 3) * (WIDTH // HEADS) ** -0.5).softmax(dim=-1)
        return self.out((scores @ value).transpose(1, 2).reshape(1, TOKENS, WIDTH))


class Block(nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(WIDTH, 1e-5), nn.LayerNorm(WIDTH, 1e-5)
        self.attention = Attention()
        self.perceptron = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, tokens: Any) -> Any:
        tokens = tokens + self.attention(self.first(tokens))
        return tokens + self.perceptron(self.second(tokens))


class ViT(nn.Module):  # type: ignore[misc]  # torch is not installed where types are checked
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.token = nn.Parameter(torch.empty(1, 1, WIDTH))
        self.places = nn.Parameter(torch.empty(1, TOKENS, WIDTH))
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm, self.head = nn.LayerNorm(WIDTH, 1e-5), nn.Linear(WIDTH, LABELS)
        self._draw()

    def forward(self, planes: Any) -> Any:
        patches = self.patches(planes).flatten(2).transpose(1, 2)
        tokens = self.blocks(torch.cat([self.token, patches], dim=1) + self.places)
        return self.head(self.norm(tokens)[:, 0])

    def _draw(self) -> None:
        """What `vit.write` draws, in its order. A graph multiplies from the left, so its matrices are turned here."""
        chance = np.random.default_rng(1)

        def draw(into: Any, *shape: int) -> None:
            values = (chance.normal(size=shape) * 0.02).astype(np.float32)
            into.data = torch.from_numpy(values.T.copy() if len(shape) == 2 else values)

        draw(self.patches.weight, WIDTH, 3, PATCH, PATCH)
        draw(self.patches.bias, WIDTH)
        draw(self.token, 1, 1, WIDTH)
        draw(self.places, 1, TOKENS, WIDTH)
        for layer in (each for part in (self.blocks, self.head) for each in part.modules()):
            if isinstance(layer, nn.Linear):
                draw(layer.weight, layer.in_features, layer.out_features)
                draw(layer.bias, layer.out_features)


def planes_of(file: Path) -> Any:
    with Image.open(file) as photo:
        square = photo.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return torch.from_numpy((np.asarray(square, dtype=np.float32) / 127.5 - 1).transpose(2, 0, 1)[None].copy())


def main() -> None:
    files = sorted(Path(sys.argv[1]).iterdir())
    model = ViT().eval()
    with torch.inference_mode():
        if sys.argv[2:] == ["--answer"]:
            print(json.dumps(model(planes_of(files[0]))[0].tolist()))
            return
        for line in sys.stdin:
            count, began, spent = 0, time.perf_counter(), time.process_time()
            while not count or time.perf_counter() - began < float(line):
                model(planes_of(files[count % len(files)])).softmax(dim=-1)
                count += 1
                if count % JOB == 0:
                    time.sleep(NAP_S)
            wall_s, cpu_s = time.perf_counter() - began, time.process_time() - spent
            answer = {"photos": count, "wall_s": wall_s, "cpu_s": cpu_s, "stages": {"all": cpu_s}}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
