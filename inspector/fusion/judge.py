"""The judge: a trained artefact that says pass, fail or review of a part, and shows where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from inspector.config import Station
from inspector.features import Features
from inspector.fusion import artefact
from inspector.fusion import attribution as attributing
from inspector.fusion.artefact import Manifest, refuse_misfit
from inspector.fusion.batch import Batch
from inspector.fusion.calibration import Calibration, softmax
from inspector.fusion.encoding import Encoder, Trust, matched_channels, trust
from inspector.fusion.ensemble import Ensemble, Opinion, ask, log_odds, shared_backbone, twin
from inspector.fusion.good_parts import GoodParts, embedding
from inspector.fusion.known_kinds import KnownDefects, numbers_of
from inspector.fusion.localization import Localization, Localizer, Seen
from inspector.fusion.torchvision_compat import import_grad_cam
from inspector.parts import UNKNOWN_DEFECT, Attribution, Defect, GoodPart, Modality, ModelRef, Verdict
from inspector.remarks import of_channel, remark

UNUSABLE_BELOW = 0.2
"""A channel of lower quality counts as unseen when it is decided whether a part may pass."""


class Judge:
    """One model. Safe to use from several threads; every method takes one part."""

    def __init__(self, manifest: Manifest, ensemble: Ensemble, good: GoodParts | None = None, known: KnownDefects | None = None) -> None:
        self.manifest = manifest
        self.calibration = manifest.calibration
        self.ref = ModelRef(manifest.name, manifest.version, manifest.weights.sha256)
        self._ensemble = ensemble.eval().requires_grad_(False)
        memories = {camera: ensemble.memory(camera) for camera in ensemble.spec.cameras}
        self._encoder = Encoder(ensemble.spec, shared_backbone(ensemble.spec), memories)
        self._localizer = Localizer(ensemble, self._encoder, manifest.calibration, manifest.heat)
        self._explained = twin(ensemble)
        self._good = good or GoodParts()
        self._known = known
        self._last: tuple[Features, Batch] | None = None

    @classmethod
    def load(cls, model_dir: Path | str) -> Judge:
        """Read a model folder. Raises ModelError in one line."""
        folder = Path(model_dir)
        manifest, state = artefact.load(folder)
        ensemble = Ensemble(manifest.spec, manifest.network.members)
        ensemble.load(state, folder / artefact.WEIGHTS)
        return cls(manifest, ensemble, artefact.load_good_parts(folder, manifest), artefact.load_known_defects(folder, manifest))

    def serve(self, station: Station) -> tuple[str, bool]:
        """Decide as this station wishes from now on; return the rule in one line, and whether all that was asked for is promised.

        Raises ModelError where the model does not fit the station.
        """
        refuse_misfit(self.manifest, station.part_channels)
        self.calibration = self.manifest.calibration.decided(station.decision)
        promise = self.calibration.promise
        return self.calibration.rule, promise is None or promise.kept == "with_confidence"

    def decide_at(self, threshold: float) -> None:
        """Fail parts from this score on from now on, whatever is promised or costs least; the review band ends there."""
        update = {"threshold": threshold, "review_from": min(self.calibration.review_from, threshold), "promise": None}
        self.calibration = self.calibration.model_copy(update={**update, "rule": f"threshold {threshold:g}, as asked for"})

    def absent_channels(self, station: Station) -> list[str]:
        """Return the channels of the model that a station does not have."""
        return artefact.absent_channels(self.manifest, station.part_channels)

    def warm_up(self) -> None:
        """Make this process ready to judge one part after the other, the first as fast as the thousandth.

        That means one thread: on maps as small as these torch loses more by sharing out the work than it gains (130 ms a part on two
        cores, 70 on one), and the other core is free to capture and to explain.
        """
        torch.set_num_threads(1)
        backbone = self._encoder.backbone
        if backbone is not None:
            height, width = self.manifest.spec.image_size
            with torch.inference_mode():
                for _ in range(2):
                    backbone(torch.zeros(1, 3, height, width))
            import_grad_cam()

    def judge(self, features: Features) -> Verdict:
        """Return the verdict of one part. A part that cannot be seen well enough is `review`, never `pass`."""
        matched, trusted = self._trust(features)
        usable = {name: quality for name, quality in trusted.quality.items() if quality > 0}
        if not usable:
            return self._unseen(trusted)
        batch = self._batch(features, matched, trusted)
        opinion = ask(self._ensemble, batch)
        return self._verdict(opinion, trusted, batch)

    def localize(self, features: Features, verdict: Verdict) -> Localization:
        """Return heat maps of the fused decision at picture size, and the regions they point to."""
        matched, trusted = self._trust(features)
        channels = features.record.channels
        seen = [
            Seen(camera, name, features.pictures[name], features.record.frames[name], channels[name].scale_mm_per_px)
            for camera in self.manifest.spec.cameras
            if (name := matched.get(camera)) is not None and trusted.quality[camera] > 0
        ]
        if not seen:
            return Localization()
        batch = self._batch(features, matched, trusted)
        kind = verdict.defects[0].kind if verdict.defects else _likeliest(verdict.kind_probabilities)
        return self._localizer.localize(batch, seen, score=verdict.score, kind=kind)

    def attribute(self, features: Features, verdict: Verdict) -> tuple[Attribution, ...]:
        """Return which bands and spans of the sounds, vibrations and series drove the verdict; none by a model without good parts."""
        matched, trusted = self._trust(features)
        if not any(trusted.quality[channel] > 0 for channel in matched.keys() & self._good.means.keys()):
            return ()
        batch = self._batch(features, matched, trusted)
        found = attributing.contributions(lambda path: log_odds(self._explained, self.manifest.calibration, path), batch, self._good.means)
        return attributing.attributions(found, features.vectors, matched, verdict.weights)

    def nearest_good(self, features: Features) -> tuple[GoodPart, ...]:
        """Return for each camera the remembered good part that looks most like this one."""
        matched, trusted = self._trust(features)
        cameras = [camera for camera in self._good.pictures if camera in matched and trusted.quality[camera] > 0]
        if not cameras:
            return ()
        batch = self._batch(features, matched, trusted)
        return tuple(self._good.pictures[camera].nearest(matched[camera], embedding(batch.maps[camera][:2])) for camera in cameras)

    def looks(self, features: Features) -> dict[str, NDArray[np.float32]]:
        """Return what each camera's picture looks like to the backbone, by the part's channel."""
        matched, trusted = self._trust(features)
        batch = self._batch(features, matched, trusted)
        return {matched[camera]: embedding(maps[:2]) for camera, maps in batch.maps.items()}

    def seen(self, features: Features) -> Batch:
        """Return one part as the network reads it."""
        matched, trusted = self._trust(features)
        return self._batch(features, matched, trusted)

    @property
    def ensemble(self) -> Ensemble:
        return self._ensemble

    def _trust(self, features: Features) -> tuple[dict[str, str], Trust]:
        matched = matched_channels(features, self.manifest.channels)
        return matched, trust(features, matched, self.manifest.indicators)

    def _batch(self, features: Features, matched: dict[str, str], trusted: Trust) -> Batch:
        # `localize` follows `judge` of the same part: the backbone, most of the work, need not run twice.
        last = self._last
        if last is not None and last[0] is features:
            return last[1]
        batch = self._encoder.encode(features, matched, trusted.quality)
        self._last = (features, batch)
        return batch

    def _verdict(self, opinion: Opinion, trusted: Trust, batch: Batch) -> Verdict:
        calibration, evidence = self.calibration, opinion.evidence[0]
        score = calibration.score(evidence)
        outcome = calibration.outcome(score)
        kinds = _probabilities(self.manifest.kinds, opinion.kind_logits[0], calibration.kind_temperature)
        causes = _probabilities(self.manifest.causes, opinion.cause_logits[0], calibration.cause_temperature)
        reasons: tuple[str, ...] = ()
        if outcome == "pass":
            reasons = self._blind_spots(trusted) + _disagreement(calibration, evidence)
        elif outcome == "review":
            reasons = (_undecided(score, calibration),)
        kind = UNKNOWN_DEFECT if outcome != "pass" and self._is_new(opinion, batch) else _likeliest(kinds)
        return Verdict(
            outcome="review" if reasons else outcome,
            score=score,
            threshold=calibration.threshold,
            model=self.ref,
            defects=() if outcome == "pass" else (Defect(kind, score * kinds.get(kind, 1.0)),),
            kind_probabilities=kinds,
            cause_probabilities=causes,
            weights=calibration.shares(evidence, opinion.attention[0]),
            quality=trusted.quality,
            degraded=trusted.degraded,
            reasons=reasons,
            score_interval=self._interval(score, opinion, trusted),
        )

    def _interval(self, score: float, opinion: Opinion, trusted: Trust) -> tuple[float, float] | None:
        calibration = self.manifest.calibration
        if calibration.mode == "kinds_only":
            return None
        quality: dict[Modality, float] = {}
        for name, modality in self.manifest.channels.items():
            quality[modality] = max(quality.get(modality, 0.0), trusted.quality.get(name, 0.0))
        fused = [float(outputs.logits[0, 0]) for outputs in opinion.outputs]
        return calibration.doubt.interval(score, quality, calibration.evidence.get("fused", 0.0) * float(np.std(fused)))

    def _unseen(self, trusted: Trust) -> Verdict:
        return Verdict(
            outcome="review",
            score=self.calibration.threshold,
            threshold=self.calibration.threshold,
            model=self.ref,
            quality=trusted.quality,
            degraded=trusted.degraded,
            reasons=(remark("no channel of this part can be used"),),
            score_interval=(0.0, 1.0),
        )

    def _blind_spots(self, trusted: Trust) -> tuple[str, ...]:
        leading = self.manifest.leading
        ours = [name for name, modality in self.manifest.channels.items() if modality == leading]
        if not ours or any(trusted.quality.get(name, 0.0) >= UNUSABLE_BELOW for name in ours):
            return ()
        return tuple(of_channel(name, trusted.degraded.get(name, remark("cannot be used"))) for name in ours[:3])

    def _is_new(self, opinion: Opinion, batch: Batch) -> bool:
        """Tell whether a defect is unlike all that training showed; where its modality cannot be used, nothing says so."""
        recognition = self.manifest.recognition
        if self._known is None or recognition is None:
            return False
        channels = [name for name, modality in self.manifest.channels.items() if modality == recognition.modality]
        numbers = numbers_of(self._ensemble, batch, opinion.outputs, recognition.modality)
        if numbers is None or max(float(batch.quality.get(name, 0.0)) for name in channels) < UNUSABLE_BELOW:
            return False
        return self._known.strangeness(numbers[0]) > recognition.limit


def _likeliest(kinds: Mapping[str, float]) -> str:
    return max(kinds, key=lambda name: kinds[name]) if kinds else UNKNOWN_DEFECT


SENSES = {"image": "picture", "audio": "sound", "vibration": "vibration", "series": "process values"}


def _disagreement(calibration: Calibration, evidence: Mapping[str, float]) -> tuple[str, ...]:
    """Return why a part that would pass is held back: its senses contradict each other."""
    if not calibration.conflicting(evidence):
        return ()
    own = {modality: evidence[f"own_{modality}"] for modality in SENSES if f"own_{modality}" in evidence}
    if len(own) < 2:
        return ()
    bad, good = max(own, key=lambda name: own[name]), min(own, key=lambda name: own[name])
    against = "{bad} and {good} disagree: {bad} speaks for a defect, {good} against it"
    return (remark(against, bad=SENSES[bad], good=SENSES[good]),)


def _undecided(score: float, calibration: Calibration) -> str:
    low, high = calibration.review_from, calibration.threshold
    said = "score {score} lies between {low} and {high}: a person must look"
    return remark(said, score=f"{score:.3g}", low=f"{low:.3g}", high=f"{high:.3g}")


def _probabilities(names: list[str], logits: np.ndarray, temperature: float) -> dict[str, float]:
    if not names:
        return {}
    return {name: float(p) for name, p in zip(names, softmax(logits, temperature), strict=True)}
