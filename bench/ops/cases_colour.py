"""Colours."""
from bench_ops import Case, cv2, np
from skimage import color


def floats(i):
    return i.kept("floats", lambda: np.ascontiguousarray(i.array.astype(np.float32) / 255))



def opencv(code):
    return lambda i: cv2.cvtColor(floats(i), code)


def red(i):
    """OpenCV's hues of bytes run to 180, its saturations to 255."""
    made = cv2.cvtColor(i.array, cv2.COLOR_RGB2HSV)
    return cv2.inRange(made, (160, 40, 40), (180, 255, 255)) | cv2.inRange(made, (0, 40, 40), (15, 255, 255))


CASES = [
    Case("colour_space", {"to_space": "lab"}, "colour", {"OpenCV cvtColor f32": opencv(cv2.COLOR_RGB2Lab), "scikit-image": lambda i: color.rgb2lab(floats(i))}),
    Case("colour_space", {"to_space": "hsv"}, "colour", {"OpenCV cvtColor f32": opencv(cv2.COLOR_RGB2HSV), "scikit-image": lambda i: color.rgb2hsv(floats(i))}),
    Case("colour_space", {"to_space": "ycbcr"}, "colour", {"OpenCV cvtColor f32": opencv(cv2.COLOR_RGB2YCrCb)}),
    Case("colour_space", {"to_space": "grey", "type": "u8"}, "colour", {"OpenCV cvtColor u8": lambda i: cv2.cvtColor(i.array, cv2.COLOR_RGB2GRAY)}),
    Case("colour_threshold", {"low": [0.9, 0.15, 0.15], "high": [0.1, 1, 1]}, "colour", {"OpenCV cvtColor and inRange u8": red}),
]
