"""How a part is judged with the packages as they come, for comparison: no sharing, no folding, the libraries' own defaults.

The backbone in torch eager, patch distances to a bank of good patches (PatchCore with a small bank), Grad-CAM of its package, librosa's
mel spectrogram, an envelope by scipy, rolling means by pandas.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector.fusion.backbone import published
from inspector.fusion.torchvision_compat import import_grad_cam
from inspector.fusion.vision import COARSE_CHANNELS, FINE_CHANNELS
from inspector.parts import PartRecord

SIDE_PX = 256
BANK = 1000
STAGES = {4: "fine", 10: "coarse"}


@dataclass(slots=True)
class PlainWay:
    """The whole of it, made once. The bank holds chance: how long a search takes does not depend on what is found."""

    network: Any = field(default_factory=lambda: published().eval())
    bank: Tensor = field(default_factory=lambda: torch.randn(BANK, FINE_CHANNELS + COARSE_CHANNELS))
    threads: int = field(default_factory=torch.get_num_threads)
    """As the library chooses: one judge elsewhere in this process may have chosen fewer."""
    _maps: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place, name in STAGES.items():
            self.network._blocks[place].register_forward_hook(self._keep(name))

    def judge(self, record: PartRecord) -> float:
        """Look at every channel of a part; return a score that means nothing."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            return self._judge(record)
        finally:
            torch.set_num_threads(before)

    def _judge(self, record: PartRecord) -> float:
        score = 0.0
        for frame in record.frames.values():
            score += self._look(frame.pixels)
        for name, waveform in record.waveforms.items():
            listen = _heard if record.channels[name].modality == "audio" else _felt
            score += listen(waveform.samples, waveform.sample_rate_hz)
        for series in record.series.values():
            rolled = pd.Series(series.values, index=pd.to_datetime(series.t_ns)).rolling("5s").agg(["mean", "std", "min", "max"])
            score += float(np.nan_to_num(rolled.to_numpy()).mean())
        return score

    def _keep(self, name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            self._maps[name] = output

        return hook

    def _look(self, pixels: np.ndarray[Any, Any]) -> float:
        colour = pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)
        resized = cv2.resize(colour, (SIDE_PX, SIDE_PX)).astype(np.float32) / 127.5 - 1
        picture = torch.from_numpy(resized.transpose(2, 0, 1))[None]
        with torch.no_grad():
            self.network(picture)
        fine, coarse = self._maps["fine"], self._maps["coarse"]
        joined = torch.cat([fine, functional.interpolate(coarse, size=fine.shape[-2:], mode="bilinear")], dim=1)
        patches = functional.avg_pool2d(joined, 3, 1, 1).permute(0, 2, 3, 1).reshape(-1, joined.shape[1]).detach()
        distance = float(torch.cdist(patches, self.bank).amin(dim=1).amax())
        with import_grad_cam().GradCAM(model=self.network, target_layers=[self.network._conv_head]) as explainer:
            explainer(input_tensor=picture, targets=None)
        return distance


def _heard(samples: np.ndarray[Any, Any], rate_hz: float) -> float:
    import librosa

    mel = librosa.feature.melspectrogram(y=samples, sr=int(rate_hz), n_mels=64)
    return float(librosa.power_to_db(mel).mean())


def _felt(samples: np.ndarray[Any, Any], _rate_hz: float) -> float:
    from scipy.signal import hilbert

    return float(np.abs(np.fft.rfft(np.abs(hilbert(samples)))).mean())
