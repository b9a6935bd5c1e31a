"""What belongs to radiomics; the features themselves are timed by bench/bench_radiomics.py."""
from bench_ops import Case


def perturbed(i):
    return {"image": i.image, "labels": i.of("ct_part_mask").image}


CASES = [
    Case("perturb", {"rotation": 6, "noise": "estimate", "growth": 0.1}, "ct_part", {}, perturbed),
]
