"""The card of a trained model: what it was made from and how good it is, for people."""

from __future__ import annotations

from inspector.fusion.artefact import Manifest


def card_text(manifest: Manifest) -> str:
    """Return the card as Markdown; every number in it comes from the manifest."""
    made, calibration = manifest.training, manifest.calibration
    lines = [
        f"# {manifest.name} {manifest.version}",
        "",
        f"Judges parts by {', '.join(manifest.modalities)}; any subset of them will do, fewer are less certain.",
        "",
        "## Made from",
        f"- data: {made.data} ({', '.join(f'{n} {split}' for split, n in made.parts.items())} parts; sha256 {made.data_sha256[:12]}…)",
        f"- recipe: {made.recipe.get('name')}, seed {made.seed}; chosen: {_listed(made.chosen)}",
        f"- channels: {', '.join(f'{name} ({modality})' for name, modality in manifest.channels.items())}",
        "",
        "## Tells",
        f"- kinds of defect: {', '.join(manifest.kinds) or 'none was seen: it tells good parts from others'}",
        f"- causes: {', '.join(manifest.causes) or 'none was labelled'}",
        f"- mode: {calibration.mode}; threshold {calibration.threshold:.3f}, review from {calibration.review_from:.3f}",
        f"- rule of the threshold: {calibration.rule}",
        "",
        f"## Figures ({made.chosen.get('calibrated_on', 'held out')}; the threshold was set on the same parts)",
        *[f"- {name.replace('_', ' ')}: {_shown(value)}" for name, value in manifest.figures.items()],
        "",
        "Figures on unseen parts: `inspector evaluate` on the test split.",
    ]
    if manifest.leading:
        lines += ["", f"A part whose {manifest.leading} cannot be used is sent to review instead of being passed."]
    return "\n".join(lines) + "\n"


def _listed(values: dict[str, object]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())


def _shown(value: object) -> str:
    return ", ".join(f"{name} {number}" for name, number in value.items()) if isinstance(value, dict) else str(value)
