"""The encoder with its head, as src/head.rs computes it, and the losses."""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import BertModel

LAYER_NORM_EPS = 1e-5
POSITION_SCALE, POSITION_CAP = 20.0, 2.0  # position feature: min(index / 20, 2)


class Head(nn.Module):
    """Sentence vectors to sentence tones, attention weights, article tone, tone logit and relevance logit."""

    def __init__(self, hidden):
        super().__init__()
        self.tone = nn.Linear(hidden, 1)
        self.attention = nn.Linear(hidden, 1, bias=False)
        self.position = nn.Parameter(torch.tensor(-0.5))
        self.first = nn.Parameter(torch.tensor(1.0))
        self.log_scale = nn.Parameter(torch.tensor(1.4))  # about 4: a tone of 1 is then a probability of 0.98
        self.bias = nn.Parameter(torch.tensor(0.0))
        self.relevance = nn.Linear(hidden, 1)
        self.sentence_class = nn.Linear(hidden, 3)  # helper of the training only
        nn.init.zeros_(self.attention.weight)
        for layer in (self.tone, self.relevance, self.sentence_class):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, vectors, article, index, articles):
        """vectors [sentences, hidden]; article and index [sentences]: whose sentence each is, and its place there."""
        v = F.layer_norm(vectors, vectors.shape[-1:], eps=LAYER_NORM_EPS)
        tones = torch.tanh(self.tone(v)).squeeze(-1)
        position = (index / POSITION_SCALE).clamp(max=POSITION_CAP)
        energy = self.attention(v).squeeze(-1) + self.position * position + self.first * (index == 0)
        top = torch.full((articles,), -torch.inf, device=v.device).scatter_reduce(0, article, energy.detach(), "amax")
        exp = torch.exp(energy - top[article])
        weights = exp / torch.zeros(articles, device=v.device).index_add(0, article, exp)[article]
        tone = torch.zeros(articles, device=v.device).index_add(0, article, weights * tones)
        pooled = torch.zeros(articles, v.shape[1], device=v.device).index_add(0, article, weights[:, None] * v)
        return {
            "sentence_tone": tones,
            "sentence_class": self.sentence_class(v),
            "weight": weights,
            "tone": tone,
            "logit": torch.exp(self.log_scale) * tone + self.bias,
            "relevance": self.relevance(pooled).squeeze(-1),
        }


class Model(nn.Module):
    def __init__(self, base):
        super().__init__()
        self.encoder = BertModel.from_pretrained(base, add_pooling_layer=False, attn_implementation="sdpa")
        for module in self.encoder.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0  # the recipe masks tokens instead
            if hasattr(module, "dropout_prob"):
                module.dropout_prob = 0.0
        self.head = Head(self.encoder.config.hidden_size)

    def forward(self, batch):
        sums = torch.zeros(len(batch["article"]), self.encoder.config.hidden_size, device=batch["article"].device)
        for ids, mask, sentence in batch["windows"]:
            states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            inside = sentence >= 0
            sums = sums.index_add(0, sentence[inside], states[inside])
        vectors = sums / batch["tokens"][:, None]
        return self.head(vectors, batch["article"], batch["index"], batch["articles"])


def losses(out, batch, smoothing):
    """Each loss is a mean over the articles or sentences that carry its label; absent labels are NaN (or -1)."""

    def mean(values, known):
        return values[known].mean() if known.any() else values.sum() * 0.0

    lean, tone, relevant = batch["lean"], batch["tone"], batch["relevant"]
    target = lean.nan_to_num() * (1 - smoothing) + smoothing / 2
    sentence = batch["sentence_tone"]
    sentence_class = torch.sign(sentence.nan_to_num()).long() + 1
    plus, minus = (out["logit"][members] for members in batch["pairs"])
    return {
        "lean": mean(F.binary_cross_entropy_with_logits(out["logit"], target, reduction="none"), ~lean.isnan()),
        # What the members of a minimal pair share cancels out in their difference and is all that is left in their mean: the
        # first must be large, the second nothing.
        "pair": F.softplus(minus - plus).mean() if len(plus) else plus.sum(),
        "balance": ((plus + minus) ** 2).mean() / 4 if len(plus) else plus.sum(),
        "tone": mean((out["tone"] - tone.nan_to_num()) ** 2, ~tone.isnan()),
        "relevance": mean(
            F.binary_cross_entropy_with_logits(out["relevance"], relevant.nan_to_num(), reduction="none"),
            ~relevant.isnan(),
        ),
        "sentence_class": mean(F.cross_entropy(out["sentence_class"], sentence_class, reduction="none"), ~sentence.isnan()),
        "sentence_tone": mean((out["sentence_tone"] - sentence.nan_to_num()) ** 2, ~sentence.isnan()),
    }
