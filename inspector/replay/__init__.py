"""Recorded batches through the same pipeline as the live line: again, faster, or beside another way of judging."""

from inspector.replay.comparing import Change, Comparison, recorded_truths
from inspector.replay.running import Digest, digest_of, export_parts, paced, parse_speed, replay
from inspector.replay.setting import Setting, parse_costs, parse_share

__all__ = [
    "Change",
    "Comparison",
    "Digest",
    "Setting",
    "digest_of",
    "export_parts",
    "paced",
    "parse_costs",
    "parse_share",
    "parse_speed",
    "recorded_truths",
    "replay",
]
