"""Colours."""
from bench_ops import Case, cv2, np
from skimage import color
from sklearn.cluster import KMeans


def floats(i):
    return i.kept("floats", lambda: np.ascontiguousarray(i.array.astype(np.float32) / 255))



def opencv(code):
    return lambda i: cv2.cvtColor(floats(i), code)


def red(i):
    """OpenCV's hues of bytes run to 180, its saturations to 255."""
    made = cv2.cvtColor(i.array, cv2.COLOR_RGB2HSV)
    return cv2.inRange(made, (160, 40, 40), (180, 255, 255)) | cv2.inRange(made, (0, 40, 40), (15, 255, 255))


def classes_cv(i):
    """CIELAB, then k-means with one k-means++ start, ended as ours."""
    lab = cv2.cvtColor(floats(i), cv2.COLOR_RGB2Lab).reshape(-1, 3)
    return cv2.kmeans(lab, 3, None, (cv2.TERM_CRITERIA_MAX_ITER | cv2.TERM_CRITERIA_EPS, 300, 0.1), 1, cv2.KMEANS_PP_CENTERS)


def classes_sk(i):
    return KMeans(3, n_init=1, random_state=0, algorithm="lloyd").fit(color.rgb2lab(floats(i)).reshape(-1, 3))


NOTES = {"colour_space": "memory: three reals a voxel; grey: weights in float where OpenCV has whole numbers of 15 bits",
         "colour_threshold": "hues and saturations in float; OpenCV's of bytes are whole numbers out of tables",
         "colour_segmentation": "k-means in f64, started and ended by rules of its own; both end when they settle, not after as many turns"}
CASES = [
    Case("colour_segmentation", {}, "colour", {"OpenCV cvtColor and kmeans": classes_cv, "scikit-image rgb2lab, scikit-learn KMeans": classes_sk}),
    Case("colour_space", {"to_space": "lab"}, "colour", {"OpenCV cvtColor f32": opencv(cv2.COLOR_RGB2Lab), "scikit-image": lambda i: color.rgb2lab(floats(i))}),
    Case("colour_space", {"to_space": "hsv"}, "colour", {"OpenCV cvtColor f32": opencv(cv2.COLOR_RGB2HSV), "scikit-image": lambda i: color.rgb2hsv(floats(i))}),
    Case("colour_space", {"to_space": "ycbcr"}, "colour", {"OpenCV cvtColor f32": opencv(cv2.COLOR_RGB2YCrCb)}),
    Case("colour_space", {"to_space": "grey", "type": "u8"}, "colour", {"OpenCV cvtColor u8": lambda i: cv2.cvtColor(i.array, cv2.COLOR_RGB2GRAY)}),
    Case("colour_threshold", {"low": [0.9, 0.15, 0.15], "high": [0.1, 1, 1]}, "colour", {"OpenCV cvtColor and inRange u8": red}),
]
