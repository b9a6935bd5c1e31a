"""CLAHE against OpenCV, which has it in 2D for u8 and u16."""
import parity
from parity import Case, cv2, np


def widened(p):
    return p.array.astype(np.uint16) * 250


CASES = [
    Case("clahe", {"tiles": tiles, "clip_limit": clip}, ("xray", "odd_2d", "noise_2d"), "OpenCV CLAHE",
         lambda p, tiles=tiles, clip=clip: cv2.createCLAHE(clip, (tiles, tiles)).apply(p.array), 0, "")
    for tiles in (3, 8) for clip in (0.0, 2.0, 40.0)
] + [
    Case("clahe", {"tiles": 8, "clip_limit": 2.0}, ("xray", "odd_2d", "noise_2d"), "OpenCV CLAHE",
         lambda p: cv2.createCLAHE(2.0, (8, 8)).apply(widened(p)), 0, "", inputs=lambda p: {"image": widened(p)}),
]

parity.main(__name__, CASES)
