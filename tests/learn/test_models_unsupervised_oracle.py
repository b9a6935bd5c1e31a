"""oracle: models without a target against scikit-learn and SciPy on scikit-learn's bundled tables.

Clusters have no order: they are matched by who is in them. Tolerances were measured and are stated at each check.
"""
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"  # small tables: threads would only wait for each other

try:
    import numpy as np
    from peers import agree, fitted, predict, probabilities, train
    from scipy.cluster.hierarchy import fcluster, linkage
    from sklearn import datasets
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE, trustworthiness
    from sklearn.mixture import GaussianMixture
    from sklearn.preprocessing import StandardScaler
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

sets = {"iris": datasets.load_iris(), "wine": datasets.load_wine(), "cancer": datasets.load_breast_cancer()}


def by_first_row(labels):
    """Labels renumbered by their first row, as ours are."""
    order = {}
    return np.array([order.setdefault(label, len(order)) for label in labels])


for title, data in sets.items():
    x, new = data.data[::2], data.data[1::2]
    scaler = StandardScaler().fit(x)
    z, z_new = scaler.transform(x), scaler.transform(new)

    # ---- principal components: singular values on both sides --------------------------------------------------------------
    for whiten in [False, True]:
        judge = PCA(4, whiten=whiten, svd_solver="full").fit(z)
        model, out = fitted(f"pca components=4 whiten={str(whiten).lower()}", x, None, new)
        agree([out[f"component {c}"] for c in range(1, 5)], judge.transform(z_new).T, 1e-9, f"{title}: components, whiten {whiten}")
        agree(model["predictor"]["variance"], judge.explained_variance_, 1e-10, f"{title}: their variances")
        agree(np.array(model["predictor"]["variance"]) / model["predictor"]["total"], judge.explained_variance_ratio_, 1e-12, f"{title}: their shares")

    # ---- k-means: the same least sum, by the same clusters ------------------------------------------------------------------
    for k in [2, 3, 5]:
        judge = KMeans(k, n_init=20, tol=0, max_iter=1000, random_state=1).fit(z)
        model = train(f"k_means clusters={k} starts=50 tolerance=0", x)
        inertia = model["predictor"]["inertia"][0]
        assert inertia <= judge.inertia_ * (1 + 1e-12), f"{title}: k-means {k}: {inertia} against {judge.inertia_}"
        out = predict(x)
        labels = out["predicted"].astype(int) - 1
        assert np.array_equal(by_first_row(labels), labels)
        if abs(inertia - judge.inertia_) < 1e-9 * inertia:
            agree(labels, by_first_row(judge.labels_), 0, f"{title}: k-means, {k} clusters of sum {inertia:.6g}")
            out = predict(new)
            order = {a: b for a, b in zip(judge.labels_, labels)}
            agree(out["predicted"].astype(int) - 1, [order[label] for label in judge.predict(z_new)], 0, f"{title}: k-means, new rows")

    # ---- hierarchical: every merger's height, and the clusters that are left ------------------------------------------------
    for how in ["ward", "average", "complete", "single"]:
        tree = linkage(z, how)
        for k in [2, 4]:
            model = train(f"hierarchical clusters={k} linkage={how}", x)
            agree(model["predictor"]["height"], tree[:, 2], 1e-9, f"{title}: heights, {how}")
            if np.all(np.diff(tree[:, 2]) > 1e-9):  # equal heights may be merged in another order
                agree(np.sort([model["predictor"]["left"], model["predictor"]["right"]], axis=0).T, np.sort(tree[:, :2], axis=1), 0, f"{title}: mergers")
            if tree[-k, 2] < tree[-k + 1, 2] and (k == len(x) or tree[-k - 1, 2] < tree[-k, 2]):
                agree(predict(x)["predicted"].astype(int) - 1, by_first_row(fcluster(tree, k, "maxclust")), 0, f"{title}: {k} clusters, {how}")

    # ---- t-SNE: the same descent, which chaos parts; so by what it reaches -----------------------------------------------------
    if title != "cancer":
        judge = TSNE(2, init="pca", method="exact", perplexity=20, max_iter=500, random_state=0)
        theirs = judge.fit_transform(z)
        model = train("tsne perplexity=20 rounds=500", x)
        out = predict(x)
        places = np.array([out["component 1"], out["component 2"]]).T
        kept, reference = trustworthiness(z, places), trustworthiness(z, theirs)
        reached = model["predictor"]["numbers"][1]
        print(f"{title}: t-SNE, divergence {reached:.4f} against {judge.kl_divergence_:.4f}, trustworthiness {kept:.4f} against {reference:.4f}")
        assert reached <= 1.05 * judge.kl_divergence_ and kept >= reference - 0.01

    # ---- mixtures: the same steps from the same clusters ----------------------------------------------------------------------
    columns = slice(0, 6)
    for covariance, theirs in [("full", "full"), ("diagonal", "diag")]:
        scaler = StandardScaler().fit(x[:, columns])
        z, z_new = scaler.transform(x[:, columns]), scaler.transform(new[:, columns])
        train("k_means clusters=3", x[:, columns])
        labels = predict(x[:, columns])["predicted"].astype(int) - 1
        start = np.eye(3)[labels]

        class FromLabels(GaussianMixture):
            def _initialize_parameters(self, X, random_state, **more):
                self._initialize(X, start)

        judge = FromLabels(3, covariance_type=theirs, tol=1e-9, max_iter=2000, reg_covar=1e-6).fit(z)
        model, out = fitted(f"gaussian_mixture clusters=3 covariance={covariance} tolerance=1e-9 rounds=2000", x[:, columns], None, new[:, columns])
        agree(probabilities(model, out), judge.predict_proba(z_new), 1e-6, f"{title}: mixture, {covariance}")
