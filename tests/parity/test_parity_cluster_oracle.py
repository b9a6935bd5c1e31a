"""Mixtures of Gaussians against scikit-learn, fuzzy c-means against Bezdek's equations. Both sides start from the same classes and
take the same number of steps, so that not only the ends agree."""
import functools
import warnings

import parity
import pictures
from parity import Case, compare_fraction, np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

SPREAD = ("ct", "mr", "xray", "ct_slice", "odd_2d", "nan", "anisotropic", "u16_full", "i16_full", "f64")
FEATURES = ("colour", "mr", "anisotropic")
STEPS = 12


def features(p):
    """The picture with its slope and its mean as further components, each with mean 0 and variance 1; colours as they are."""
    values = p.f64
    if not p.components:
        values = np.stack([values, parity.nd.gaussian_gradient_magnitude(values, 1), parity.nd.gaussian_filter(values, 2)], -1)
    values = values - values.mean(axis=tuple(range(values.ndim - 1)))
    return values / values.std(axis=tuple(range(values.ndim - 1)))


def stacked(p):
    return {"image": parity.cormack.Image(features(p), p.spacing, components=True, context=pictures.CONTEXT)}


def samples(p, stack):
    values = features(p) if stack else p.f64
    values = values.reshape(-1, values.shape[-1] if stack else 1)
    inside = ~np.isnan(values).any(1)
    return values[inside], inside


def start(p, stack):
    """The classes of k-means (compared with scikit-learn elsewhere)."""
    image = stacked(p)["image"] if stack else p.image
    return parity.cormack.kmeans(image, classes=3, context=pictures.CONTEXT)[0].array.ravel()


def one_hot(labels):
    return np.eye(3)[labels - 1]


class Start(GaussianMixture):
    """With given responsibilities in place of its own k-means."""

    def _initialize_parameters(self, x, random_state=None, xp=None):
        self._initialize(x, self.given)


@functools.cache
def mixture(p, kind, stack):
    values, inside = samples(p, stack)
    floor = 1e-6 * (1 if stack else values.var())  # ours is a share of the variance
    model = Start(3, covariance_type=kind, max_iter=STEPS, tol=0, reg_covar=floor)
    model.given = one_hot(start(p, stack)[inside])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(values)
    return model, values, inside, np.argsort(model.means_[:, 0])


def probabilities(p, kind, stack=False):
    model, values, inside, order = mixture(p, kind, stack)
    made = np.zeros((inside.size, 3))
    made[inside] = model.predict_proba(values)[:, order]
    return made.reshape(*p.shape, 3)


def labels(p, kind, stack=False):
    model, values, inside, order = mixture(p, kind, stack)
    made = np.zeros(inside.size)
    made[inside] = np.argsort(order)[model.predict(values)] + 1
    return made.reshape(p.shape)


def table(p, kind):
    model, values, _, order = mixture(p, kind, False)
    return {"weight": model.weights_[order], "mean": model.means_[order, 0], "variance": np.ravel(model.covariances_)[order],
            "log_likelihood": np.full(3, model.score(values)), "bic": np.full(3, model.bic(values))}


def gmm(kind, images, stack=False):
    params = {"covariance": kind, "tolerance": 0.0, "max_iterations": STEPS}
    inputs = stacked if stack else None
    return [Case("gmm", params, images, "scikit-learn GaussianMixture", lambda p: labels(p, kind, stack), 0, "",
                 inputs=inputs, compare=compare_fraction),
            Case("gmm", params, images, "scikit-learn GaussianMixture", lambda p: probabilities(p, kind, stack), 1e-6, "probabilities are stored as f32",
                 inputs=inputs, output="probabilities")]


def quantiles(p, stack=False):
    return [float(q) for q in np.nanpercentile(p.f64, (10, 50, 99))]


def fuzzy(p, m, initial):
    """Bezdek 1984, equations 11: memberships and centroids in turn."""
    values, inside = samples(p, False)
    centres = np.array(initial, float)[:, None]
    for step in range(STEPS + 1):
        squares = np.maximum(((values[:, None] - centres) ** 2).sum(-1), 1e-300)
        shares = (squares / squares.min(1)[:, None]) ** (-1 / (m - 1))
        shares /= shares.sum(1)[:, None]
        if step < STEPS:
            centres = (shares.T**m @ values) / (shares**m).sum(0)[:, None]
    made = np.zeros((inside.size, 3))
    made[inside] = shares
    return made.reshape(*p.shape, 3)


def with_m(m, images):
    return [Case("fuzzy_cmeans", {"m": m, "initial": quantiles(p), "tolerance": 0.0, "max_iterations": STEPS}, (p.name,), "NumPy reference (Bezdek 1984)",
                 lambda p: fuzzy(p, m, quantiles(p)), 1e-6, "memberships are stored as f32", output="memberships")
            for p in map(pictures.get, images) if p is not None]


CASES = gmm("full", SPREAD) + gmm("diag", ("ct", "nan")) + gmm("tied", ("ct", "odd_2d")) + gmm("spherical", ("ct", "odd_2d"))
CASES += [case for kind in ("full", "tied", "diag", "spherical") for case in gmm(kind, FEATURES, stack=True)]
CASES += [
    Case("gmm", {"tolerance": 0.0, "max_iterations": STEPS}, SPREAD, "scikit-learn GaussianMixture", lambda p: table(p, "full"), 1e-7,
         "sums in another order, of values that differ little", output="mixture", compare=parity.compare_table),
    Case("gmm", {}, ("one_voxel", "flat"), "closed form", None, 0, "", refuses={"one_voxel": "different samples", "flat": "different samples"}),
    Case("fuzzy_cmeans", {}, ("one_voxel", "flat"), "closed form", None, 0, "", refuses={"one_voxel": "different samples", "flat": "different samples"}),
    *with_m(2.0, SPREAD), *with_m(1.3, ("ct", "odd_2d", "u16_full")),
]
parity.main(__name__, CASES)
