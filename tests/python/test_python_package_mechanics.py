"""Ownership, errors, threads, signatures and stubs of the Python package."""
import ast
import gc
import inspect
import pathlib
import pickle
import signal
import sys
import tempfile
import threading
import time
import weakref

import numpy as np
from package import SOURCE, main, refused

import cormack
from cormack import _describe, image as image_module

VOXELS = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


def test_nothing_is_copied():
    image = cormack.Image(VOXELS)
    assert np.shares_memory(image.array, VOXELS) and not image.array.flags.writeable
    assert np.shares_memory(image.replace(unit="HU").array, VOXELS) and image.unit == "1"
    flags = np.ones((3, 4), bool)
    assert np.shares_memory(cormack.Image(flags).array, flags) and cormack.Image(flags).dtype == np.uint8


def test_array_outlives_image_and_image_array():
    source = VOXELS.copy()
    gone = weakref.ref(source)
    image = cormack.Image(source)
    shared = image.replace(unit="HU")
    del source, image
    gc.collect()
    assert gone() is not None and (shared.array == VOXELS).all()
    view = shared.array
    del shared
    gc.collect()
    assert gone() is not None and (view == VOXELS).all()
    del view
    gc.collect()
    assert gone() is None
    result = np.asarray(cormack.mean(VOXELS, radius=0))
    gc.collect()
    assert (result == VOXELS).all()


def test_contexts_outlive_what_they_made():
    context = cormack.Context(threads=1, progress=False)
    made = cormack.mean(VOXELS, radius=0, context=context)
    loop = [made, context]
    loop.append(loop)
    view = made.array
    assert context.memory_used > 0
    del context, made, loop
    gc.collect()
    assert (view == VOXELS).all()


def test_copies_are_exact():
    for array in (np.asfortranarray(VOXELS), VOXELS[::-1, ::2], VOXELS.astype(">i2"), VOXELS.astype(np.int64), VOXELS.astype(np.float16)):
        assert (cormack.Image(array).array == array).all()
    assert cormack.Image(np.array([[0, 2**32 - 1]])).dtype == np.uint32 and cormack.Image(np.array([[-1, 2**40]])).dtype == np.float64
    for bad in (np.array([[None, 1]]), np.array([["a", "b"]]), np.ones((2, 2), complex), np.array([[1, 2**62 + 1]])):
        refused(TypeError, "", cormack.Image, bad)
    for shape in ((3,), (2, 2, 2, 2, 2), (0, 3)):
        refused(ValueError, "is no image", cormack.Image, np.ones(shape))
    refused(TypeError, "is no image", cormack.mean, "ct.nii.gz")
    assert not [kept for kept, _ in image_module._lent.values() if kept.shape == (3,)]


def test_header():
    image = cormack.Image(VOXELS, (1, 2, 3), (4, 5, 6), unit="HU", metadata={"PatientID": "P1", "Name": "Ünal"},
                          labels={1: "lung", 2: ("heart", (1, 2, 3))}, spacing_t=2)
    assert image.size == (6, 5, 4) and image.shape == VOXELS.shape and image.spacing == (1, 2, 3) and image.origin == (4, 5, 6)
    assert image.metadata == {"PatientID": "P1", "Name": "Ünal"} and image.labels[1][0] == "lung" and image.labels[2] == ("heart", (1, 2, 3))
    assert image.replace(metadata={"a": "b"}).metadata == {"a": "b"} and (image.affine @ [1, 1, 1, 1] == [5, 7, 9, 1]).all()
    again = pickle.loads(pickle.dumps(image))
    assert (again.array == VOXELS).all() and again.labels == image.labels and again.metadata == image.metadata and again.unit == "HU"
    refused(cormack.GeometryError, "spacing", cormack.Image, VOXELS, (1, 0, 1))
    refused(ValueError, "2 numbers", cormack.Image, VOXELS, (1, 2))
    colour = cormack.Image(np.zeros((3, 4, 3), np.uint8), components=True)
    assert colour.components == 3 and colour.size == (4, 3) and colour.array.shape == (3, 4, 3)


def test_outputs_that_there_are_not():
    ball = np.exp(-((np.mgrid[:48, :48, :48] - 23.5) ** 2).sum(0) / 200).astype(np.float32)
    plain, labelled = (cormack.register(ball, ball, **labels) for labels in ({}, {"moving_labels": ball > 0.5}))
    assert plain.labels is None and plain.moved.shape == ball.shape and labelled.labels.array.any()


def test_errors():
    error = refused(cormack.ParameterError, "did you mean «sigma»", cormack.gaussian, VOXELS, sigm=1)
    assert isinstance(error, ValueError) and isinstance(error, cormack.CormackError) and error.code == "parameter"
    error = refused(cormack.MissingError, "absent.nii", cormack.read, "absent.nii")
    assert error.chain[0] == "absent.nii" and isinstance(error, FileNotFoundError)
    refused(cormack.GeometryError, "", cormack.mean, VOXELS, mask=np.ones((2, 2, 2), np.uint8))
    refused(MemoryError, "", cormack.mean, np.zeros((64, 64, 64)), context=cormack.Context(memory=100000))
    refused(cormack.ParameterError, "fill", cormack.read, "absent", fill="guess")
    refused(TypeError, "needs image", cormack.mean)
    refused(TypeError, "positional", cormack.mean, VOXELS, VOXELS)
    refused(TypeError, "twice", cormack.mean, VOXELS, image=VOXELS)
    refused(AttributeError, "", lambda: cormack.absent)
    assert len(cormack.errors.by_code) == 12 and all(kind.__name__ == name.capitalize() + "Error" for name, kind in cormack.errors.by_code.items())


def test_numbers_arrive_exactly():
    odd = 0.1 + 0.2
    above = np.array([[odd, np.nextafter(odd, 1), np.nextafter(odd, 0)]])
    assert cormack.threshold(above, lower=odd).array.tolist() == [[1, 1, 0]]
    assert cormack.threshold(above, lower=np.float64(odd), inside=np.int64(7)).array.tolist() == [[7, 7, 0]]


def test_threads():
    expected, wrong = cormack.gaussian(VOXELS.astype(float), sigma=1).array, []

    def work():
        for _ in range(30):
            if (cormack.gaussian(VOXELS.astype(float), sigma=1).array != expected).any():
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    assert not wrong
    with cormack.Context(threads=1, progress=False) as one:
        assert cormack.context.current() is one and one.threads == 1
        assert (cormack.gaussian(VOXELS.astype(float), sigma=1).array == expected).all()
    assert cormack.context.current() is not one


def test_progress_and_cancel():
    told, big = [], np.zeros((40, 128, 128), np.float32)
    context = cormack.Context(threads=2, progress=lambda what, done, total: told.append((what, done, total)))
    cormack.gaussian(big, sigma=3, context=context)
    assert told and all(0 <= done <= total for _, done, total in told)
    context.cancel()
    refused(cormack.CancelledError, "", cormack.gaussian, big, sigma=3, context=context)
    context.resume()
    cormack.gaussian(big, sigma=1, context=context)


def test_ctrl_c():
    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    context = cormack.Context(threads=1, progress=False)
    started = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        while time.monotonic() < started + 20:
            cormack.dilate(np.random.default_rng(1).random((48, 96, 96)), radius=9, shape="ball", context=context)
        raise AssertionError("not stopped")
    except KeyboardInterrupt:
        assert time.monotonic() < started + 10
    cormack.mean(VOXELS, context=context)  # and it goes on


def test_ctrl_c_while_others_work():
    """The main thread waits for a worker that has the last of the work."""
    def interrupt(*_):
        raise KeyboardInterrupt

    context = cormack.Context(threads=2, progress=False)
    signal.signal(signal.SIGALRM, interrupt)
    big = np.random.default_rng(1).random((48, 96, 96)).astype(np.float32)
    other = threading.Thread(target=lambda: refused(cormack.CancelledError, "", _forever, cormack.non_local_means, big, search_radius=9, context=context))
    other.start()
    started = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        _forever(cormack.non_local_means, big, search_radius=9, context=context)
    except KeyboardInterrupt:
        assert time.monotonic() < started + 15  # of the 20 s after which it would be done anyhow
    context.cancel()
    other.join()
    context.resume()


def _forever(function, *args, **named):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        function(*args, **named)
    raise AssertionError("not stopped")


def test_handlers_that_do_not_raise():
    """They run while C works, and may call the library themselves; the call goes on."""
    def look(*_):
        heard.append(cormack.mean(VOXELS, context=context).array.sum())

    heard, context = [], cormack.Context(threads=2, progress=False)
    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    big = np.random.default_rng(1).random((24, 96, 96)).astype(np.float32)
    end = time.monotonic() + 20
    try:
        while not heard and time.monotonic() < end:
            one = cormack.non_local_means(big, search_radius=3, context=context).array
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert heard and (one == cormack.non_local_means(big, search_radius=3, context=context).array).all()


def test_calls_start_no_thread():
    """What a call on a small image would mostly cost."""
    asked = set()
    context = cormack.Context(threads=1, progress=lambda *_: asked.add(threading.get_native_id()))
    cormack.gaussian(np.zeros((40, 128, 128), np.float32), sigma=3, context=context)
    assert asked == {threading.get_native_id()}, asked


def test_columns_of_tables():
    many = 5000
    table = {"text": [None if k % 7 == 0 else f"é{k}" for k in range(many)], "real": [None if k % 5 == 0 else k / 3 for k in range(many)],
             "int": [None if k % 3 == 0 else k * 2**40 for k in range(many)], "whole": list(range(many))}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "t.csv")
        cormack.write_table(table, path)
        for hidden in (False, True):
            pandas = sys.modules.get("pandas")
            if hidden:
                sys.modules["pandas"] = None
            try:
                again = cormack.read_table(path)
            finally:
                if hidden:
                    sys.modules.pop("pandas")
                    if pandas:
                        sys.modules["pandas"] = pandas
            for name, values in table.items():
                told = [None if value is None or type(value).__name__ == "NAType" or value != value else value for value in list(again[name])]
                assert told == values, name
            assert not hidden or type(again["int"][1]) is int and type(again["real"][1]) is float
    refused(ValueError, "64 bits", cormack.write_table, {"a": [1, 2**70]}, "x.csv")


def test_signatures_and_stubs():
    ops = cormack.ops.DESCRIPTIONS
    own = set(cormack.__all__) | {"context", "files", "image", "table"}
    assert not own & set(ops), "an operation hides a name of the package"
    tree = ast.parse(_describe.stubs(ops.values()))
    stubs = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert set(stubs) == set(ops) == set(cormack.ops.__all__)
    for name, op in ops.items():
        function, node = getattr(cormack, name), stubs[name]
        signature = inspect.signature(function)
        names = [port["name"] for port in op["inputs"]] + [param["name"] for param in op["params"]] + ["context"]
        assert len(set(names)) == len(names), f"{name}: a name stands for two things"
        assert list(signature.parameters) == [a.arg for a in node.args.args + node.args.kwonlyargs] and set(names) == set(signature.parameters)
        assert ast.get_docstring(node).split() == inspect.getdoc(function).replace('"""', "'''").split() and op["summary"] in function.__doc__
        if all(port["kind"] == "image" for port in op["inputs"] if not port["optional"]) and not op["family"] == "chest":
            defaults = {p.name: p.default for p in signature.parameters.values() if p.name in {q["name"] for q in op["params"]}}
            with cormack.context.current() as context:
                from cormack import _library, _params
                about = _library.call("cm_op_get", name.encode())
                for key, value in defaults.items():  # a default, said, is what it is when not said
                    if value != () and value != "":
                        with _params.filled(context, about, {key: value}) as said, _params.filled(context, about, {}) as silent:
                            texts = [_library.take(_library.call("cm_params_to_json", context.pointer, about, p)) for p in (said, silent)]
                            assert texts[0] == texts[1], (name, key)


def test_tables_and_learning():
    table = {"patient": [f"P{i // 2}" for i in range(80)], "size": [float(i % 7) if i % 11 else None for i in range(80)],
             "count": [(i * 7) % 13 for i in range(80)], "bad": ["yes" if (i // 2) % 2 else "no" for i in range(80)]}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "t.csv")
        cormack.write_table(table, path)
        again = cormack.read_table(path)
        assert list(again["patient"]) == table["patient"] and list(again["count"]) == table["count"] and list(again.keys()) == list(table)
        cormack.write_table(again, path)
        assert path.read_text().splitlines()[:2] == ["patient,size,count,bad", "P0,,0,no"]
        model = cormack.train(again, cormack.Learner("logistic", {"C": 0.5}), target="bad", subject="patient")
        said = model.predict(table)
        assert list(said["predicted"]) and model.classes == ["no", "yes"] and model.features == ["size", "count"]
        shap, effects = model.kernel_shap(table, background={k: v[:20] for k, v in table.items()}), model.effects(table, grid=5)
        assert np.allclose(np.array(shap["output"]), np.array(said["probability yes"])) and set(effects["method"]) == {"partial_dependence", "accumulated_local"}
        model.save(pathlib.Path(folder, "m.json"))
        assert list(cormack.load_model(pathlib.Path(folder, "m.json")).predict(table)["predicted"]) == list(said["predicted"])
        result = cormack.validate(again, ["logistic", cormack.Learner("knn")], target="bad", subject="patient", folds=2, repeats=1,
                                  resamples=20, permutations=0)
        assert set(result.tables) >= {"metrics", "roc", "predictions"} and len(result.models) == 2 and len(result.tables["metrics"])
        both = dict(again, good=[int(v == "no") for v in again["bad"]], odd=[i % 2 for i in range(len(again["bad"]))])
        result = cormack.validate(both, "logistic", target=["good", "odd"], subject="patient", ignore=["bad"], folds=2, repeats=1, resamples=20, permutations=0)
        assert [m.name for m in result.models] == ["logistic-good", "logistic-odd"] and "hamming_loss" in list(result.tables["metrics"]["metric"])
    assert "logistic" in cormack.learn.kinds() and cormack.learn.describe("svm")["params"]
    refused(ValueError, "unlike length", cormack.write_table, {"a": [1], "b": []}, "x.csv")
    refused(cormack.LeakageError, "", cormack.train, dict(again, copy=[int(v == "yes") for v in again["bad"]]), target="bad", subject="patient")


def test_without_pandas():
    hidden = sys.modules.get("pandas")
    sys.modules["pandas"] = None
    try:
        labels, thresholds = cormack.otsu(VOXELS)
        assert isinstance(thresholds, cormack.Columns) and len(thresholds["threshold"]) == 1 and labels.dtype == np.uint8
    finally:
        sys.modules.pop("pandas")
        if hidden is not None:
            sys.modules["pandas"] = hidden


def test_dicom_and_study():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        image = cormack.Image(VOXELS, (1, 1, 2), unit="HU", metadata={"Modality": "CT", "PatientID": "P1"})
        cormack.write(image, root / "series/")
        found = cormack.scan(root)
        assert len(found.volumes) == 1 and found.volumes[0].size == (6, 5, 4) and found.volumes[0].defect is None and len(found.volumes[0].files) == 4
        assert (cormack.read(root / "series", select=found.volumes[0].key).array == VOXELS).all()
        assert cormack.info(root / "series").volumes[0].key == found.volumes[0].key
        cormack.write(image, root / "a.nii")
        assert cormack.info(root / "a.nii")["size"] == (6, 5, 4)
        (root / "study.yaml").write_text("study: s\ninputs:\n  ct: {path: series/, modality: CT}\nsteps:\n  - {name: soft, op: gaussian, of: ct}\n")
        assert "soft" in cormack.plan(root / "study.yaml")
        outcome = cormack.run(root / "study.yaml", root / "out")
        assert outcome.steps_run == 1 and outcome.quarantined == 0, outcome
        assert cormack.run(root / "study.yaml", root / "out").steps_kept == 1
        (root / "bad.yaml").write_text("study: s\nsteps:\n  - {name: soft, op: gausian, of: ct}\n")
        refused(cormack.UsageError, "gaussian", cormack.run, root / "bad.yaml", root / "out2")


def test_version():
    assert f'"{cormack.__version__}"' in (SOURCE / "include/cormack/base.h").read_text()


main(globals())
