"""Ten thousand explanations of one part: does memory grow, is a hook left behind, what does one cost?

python -m tests.bench.explain_leak MODEL --data PARTS [--calls 10000]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

from inspector.features import extract
from inspector.fusion import Judge
from inspector.training.parts_folder import load_parts_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--calls", type=int, default=10_000)
    arguments = parser.parse_args()
    judge = Judge.load(arguments.model)
    judge.warm_up()
    part = next(part for part in load_parts_folder(arguments.data).split("val") if part.label != "ok")
    features = extract(part.record(tolerant=True))
    verdict = judge.judge(features)
    start_s = perf_counter()
    for call in range(arguments.calls + 1):
        if call % max(1, arguments.calls // 10) == 0:
            print(f"{call:>7} calls  {resident_mb():7.1f} MB  {1e3 * (perf_counter() - start_s) / max(call, 1):6.1f} ms each", flush=True)
        judge.localize(features, verdict)
        judge.attribute(features, verdict)
    hooks = sum(len(module._forward_hooks) for module in judge.runtime.ensemble.modules())
    print(f"hooks left on the network: {hooks}")


def resident_mb() -> float:
    """Return what this process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / (1 << 20)


if __name__ == "__main__":
    main()
