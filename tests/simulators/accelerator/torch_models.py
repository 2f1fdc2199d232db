"""Published networks written once more, as PyTorch modules."""

import torch
from torch import nn
from torch.nn import functional


def conv(before, after, kernel=3, stride=1, groups=1):
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


class ResNet9(nn.Module):
    def __init__(self, stem, filters, skips, classes=10):
        super().__init__()
        self.stem = conv(3, stem)
        self.entries, self.skips = nn.ModuleList(), nn.ModuleList()
        for width, skip in zip(filters, skips, strict=True):
            self.entries.append(nn.Sequential(conv(stem, width), nn.MaxPool2d(2)))
            self.skips.append(nn.Sequential(*(conv(width, width) for _ in range(skip))))
            stem = width
        self.fc = nn.Linear(stem, classes)

    def forward(self, x):
        x = self.stem(x)
        for entry, skip in zip(self.entries, self.skips, strict=True):
            x = entry(x)
            if len(skip):
                x = x + skip(x)
        return self.fc(functional.adaptive_max_pool2d(x, 1).flatten(1))


class MobileNetV2(nn.Module):
    BLOCKS = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )

    def __init__(self):
        super().__init__()
        self.stem = conv(3, 32, stride=2)
        self.blocks, self.residual, width = nn.ModuleList(), [], 32
        for expansion, filters, count, first in self.BLOCKS:
            for number in range(count):
                stride, inner = first if number == 0 else 1, expansion * width
                layers = [conv(width, inner, 1)] if expansion > 1 else []
                layers += [conv(inner, inner, stride=stride, groups=inner)]
                layers += [nn.Conv2d(inner, filters, 1), nn.BatchNorm2d(filters)]
                self.blocks.append(nn.Sequential(*layers))
                self.residual.append(stride == 1 and width == filters)
                width = filters
        self.head = conv(width, 1280, 1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x):
        x = self.stem(x)
        for block, residual in zip(self.blocks, self.residual, strict=True):
            x = x + block(x) if residual else block(x)
        return self.classifier(self.head(x).mean((2, 3)))


class UNet(nn.Module):
    def __init__(self, filters, classes=2):
        super().__init__()

        def double(before, after):
            return nn.Sequential(conv(before, after), conv(after, after))

        pairs = list(zip((3, *filters), filters, strict=False))
        self.down = nn.ModuleList(double(a, b) for a, b in pairs)
        pairs = list(zip(filters[:0:-1], filters[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2) for a, b in pairs)
        self.merge = nn.ModuleList(double(2 * b, b) for _, b in pairs)
        self.out = nn.Conv2d(filters[0], classes, 1)

    def forward(self, x):
        kept = []
        for level, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if level else x)
            kept.append(x)
        kept.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([kept.pop(), up(x)], dim=1))
        return self.out(x)


class Attention(nn.Module):
    """Heads by reshaping; `fused` takes PyTorch's function for the products."""

    def __init__(self, width, heads, fused):
        super().__init__()
        self.heads, self.fused = heads, fused
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.project = nn.Linear(width, width)

    def split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def forward(self, x):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        if self.fused:
            mixed = functional.scaled_dot_product_attention(q, k, v)
        else:
            scores = q @ k.transpose(-2, -1) / k.size(-1) ** 0.5
            mixed = scores.softmax(-1) @ v
        return self.project(mixed.transpose(1, 2).reshape(x.shape))


class Own(nn.Module):
    """PyTorch's own attention."""

    def __init__(self, width, heads):
        super().__init__()
        self.inner = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x):
        return self.inner(x, x, x)[0]


class ViT(nn.Module):
    def __init__(self, attention, width=48, blocks=2, patch=8, classes=10):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.position = nn.Parameter(torch.zeros(1, 16, width))
        self.attentions = nn.ModuleList(attention() for _ in range(blocks))
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
            for _ in range(blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2) + self.position
        for attention, mlp in zip(self.attentions, self.mlps, strict=True):
            x = x + attention(self.norm(x))
            x = x + mlp(self.norm(x))
        return self.head(x.mean(1))
