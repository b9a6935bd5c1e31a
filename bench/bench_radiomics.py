"""Radiomics in PyRadiomics' convention beside PyRadiomics and its rivals: all default features of the original, LoG (3 sigmas) and wavelet images.

Images lie in memory, everybody runs in turn, with the same number of threads. Each peer has an environment of its own, since they do not agree
about their dependencies: RADIOMICS_PEERS/NAME (default build/radiomics-peers; `make bench` builds them with `tools/setup.sh radiomics-peers`).
What is absent is left out with a line that says so. bench_radiomics.py [CASE ...] chooses cases, --threads 1,2, --rounds 3. The case «memory» is a
whole body of 512 x 512 x 1000 voxels, measured by us alone."""
import argparse
import json
import os
import pathlib
import select
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "python"))
import package  # noqa: E402,F401  (finds the build)

import cormack  # noqa: E402
import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from bodies import body  # noqa: E402
from rows import note  # noqa: E402

DATA = pathlib.Path(os.environ.get("CORMACK_TEST_DATA", ROOT.parent / "shared/data"))
PEERS = pathlib.Path(os.environ.get("RADIOMICS_PEERS", ROOT / "build/radiomics-peers"))
RIVALS = ["pictologics", "flash-radiomics", "mirp", "nyxus", "fastrad"]
TYPES = "Original; LoG sigma=1.0,3.0,5.0; Wavelet"
WARM, PATIENCE = 300, 100  # seconds: for starting and compiling, for a run; who takes a tenth of the latter is asked once
CASES = {
    "tumour, CT": ("ibsi_sts_validation/nifti/STS_019/CT_image.nii.gz", "ibsi_sts_validation/nifti/STS_019/CT_mask.nii.gz"),
    "lung tumour, CT": ("ibsi/data_sets/ibsi_1_ct_radiomics_phantom/nifti/image/phantom.nii.gz", "ibsi/data_sets/ibsi_1_ct_radiomics_phantom/nifti/mask/mask.nii.gz"),
    "lungs, CT": ("seg/ct_lungs_imlab/id001-128x128x64.nii.gz", "seg/ct_lungs_imlab/id001-128x128x64-msk.nii.gz"),
    "brain1, MR": ("pyradiomics/brain1_image.nrrd", "pyradiomics/brain1_label.nrrd"),
    "breast1, MR": ("pyradiomics/breast1_image.nrrd", "pyradiomics/breast1_label.nrrd"),
}


class Peer:
    def __init__(self, name, python, threads):
        count = str(threads)
        env = {**os.environ, **{key: count for key in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "PICTOLOGICS_NUM_THREADS",
                                                       "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "MKL_NUM_THREADS")}}
        self.name, self.times, self.cpu = name, [], []
        self.process = subprocess.Popen([python, ROOT / "bench/peer_radiomics.py", name, count], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=env)
        self.alive = bool(self.process.stdout.readline())

    def run(self, files, patience):
        """Seconds, or None where it cannot do this or takes longer."""
        try:
            self.process.stdin.write(json.dumps(files) + "\n")
            self.process.stdin.flush()
            if select.select([self.process.stdout], [], [], patience)[0]:
                told = json.loads(self.process.stdout.readline())
                self.cpu.append(told["cpu"])
                return told["seconds"]
        except (OSError, json.JSONDecodeError):
            pass
        self.alive = False
        return None

    def close(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


def pythons(chosen):
    """Of PyRadiomics and those rivals that are here."""
    found = {"pyradiomics": sys.executable}
    for name in RIVALS:
        python = PEERS / name / "bin/python"
        if python.exists():
            found[name] = python
        else:
            print(f"{name}: not here, left out (tools/setup.sh radiomics-peers installs it)", flush=True)
    return {name: python for name, python in found.items() if not chosen or name in chosen}


def prepared(case, folder):
    """The files of a case: whole numbers, mask 0 or 1; and its filtered images for those who do not filter."""
    from radiomics import imageoperations
    image, mask = [sitk.ReadImage(str(DATA / path)) for path in CASES[case]]
    region = sitk.GetArrayFromImage(mask)
    clean = sitk.GetImageFromArray((region > region.max() / 2).astype(np.uint8))
    clean.CopyInformation(image)
    image = sitk.Cast(sitk.Round(sitk.Cast(image, sitk.sitkFloat64)), sitk.sitkInt16)
    made = [made for made, *_ in imageoperations.getLoGImage(image, clean, sigma=[1.0, 3.0, 5.0])]
    made += [made for made, *_ in imageoperations.getWaveletImage(image, clean)]
    paths = [str(folder / f"{at}.nii") for at in range(2 + len(made))]
    for path, one in zip(paths, [image, clean, *made]):
        sitk.WriteImage(one, path)
    return {"image": paths[0], "mask": paths[1], "filtered": paths[2:]}, int((region > region.max() / 2).sum()), image.GetSize()


def ours(files, threads):
    context = cormack.Context(threads=threads, progress=False)
    images = [cormack.read(files[name], context=context) for name in ("image", "mask")]

    def work():
        start, cpu = time.perf_counter(), time.process_time()
        cormack.radiomics(*images, convention="pyradiomics", label=1, imageType=TYPES, binWidth=25, context=context)
        return time.perf_counter() - start, time.process_time() - cpu
    work()
    return work


def measure(case, files, threads, here, rounds, slow):
    """Runs everybody in turn; who is slow, once."""
    mine, own = [], ours(files, threads)
    peers = [Peer(name, python, threads) for name, python in here.items() if (case, name) not in slow]
    for peer in peers:
        warm = peer.run(files, WARM) if peer.alive else None
        if warm is None:
            print(f"{peer.name}: fails on {case}, or takes more than {WARM} s; left out", flush=True)
            slow.add((case, peer.name))
        elif warm > PATIENCE / 10:
            peer.times.append(warm)
    for _ in range(rounds):
        mine += [own(), own(), own()]
        for peer in peers:
            if peer.alive and not (peer.times and peer.times[0] > PATIENCE / 10):
                taken = peer.run(files, PATIENCE)
                peer.times += [taken] if taken else []
    for peer in peers:
        peer.close()
    return mine, {peer.name: (peer.times, min(peer.cpu)) for peer in peers if peer.times}


def measure_memory():
    """Image and mask, and what is allocated beside them, under a ceiling of 4 GiB for all."""
    image, mask = body(1000)
    inputs = image.nbytes + mask.nbytes
    for book in ("pyradiomics", "ibsi"):
        context = cormack.Context(threads=2, memory=4 * 2**30 - inputs, progress=False)
        given = [cormack.Image(array, (0.8, 0.8, 1), context=context) for array in (image, mask)]
        start = time.perf_counter()
        cormack.radiomics(*given, convention=book, label=1, context=context)
        taken, peak = time.perf_counter() - start, (inputs + context.memory_peak) / 2**20
        case = f"radiomics of a whole body, 512x512x1000, {book}"
        print(f"{case}: {taken:.1f} s, {peak:.0f} MiB with image and mask", flush=True)
        note(case, taken, {}, 2, peak_mib=peak, remark="asked for: 4096 MiB")


def main():
    told = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    told.add_argument("cases", nargs="*")
    told.add_argument("--threads", default="1,2")
    told.add_argument("--rounds", type=int, default=3)
    told.add_argument("--peers", default="")
    told = told.parse_args()
    if not DATA.is_dir():
        print("left out: no", DATA)
        return 0
    try:
        import radiomics  # noqa: F401
    except ImportError as error:
        print("left out:", error)
        return 0
    if not told.cases or "memory" in told.cases:
        measure_memory()
    here, slow = pythons(told.peers.split(",") if told.peers else []), set()
    for case in [case for case in told.cases if case != "memory"] if told.cases else CASES:
        with tempfile.TemporaryDirectory() as folder:
            files, voxels, size = prepared(case, pathlib.Path(folder))
            for threads in map(int, told.threads.split(",")):
                mine, theirs = measure(case, files, threads, here, told.rounds, slow)
                cpu = min(used for _, used in mine)
                mine = [taken for taken, _ in mine]
                middle = statistics.median(mine)
                name = f"radiomics, 12 images, {case}, {'x'.join(map(str, size))}, {voxels} voxels"
                print(f"{name}, {threads} threads: {middle * 1e3:.1f} ms (cpu {cpu * 1e3:.1f}); " + ", ".join(
                    f"{peer} {statistics.median(taken) * 1e3:.0f} ms ({statistics.median(taken) / middle:.1f}x; cpu {used / cpu:.1f}x)"
                    for peer, (taken, used) in theirs.items()), flush=True)
                book = {peer: taken for peer, (taken, _) in theirs.items() if peer == "pyradiomics"}
                rivals = {peer: taken for peer, (taken, _) in theirs.items() if peer != "pyradiomics"}
                remark = "images in memory: reading files and starting programs count for nobody; processor time, which a busy machine disturbs less: " + \
                    ", ".join([f"{cpu * 1e3:.0f} ms"] + [f"{peer} {used / cpu:.1f}x" for peer, (_, used) in theirs.items()])
                note(f"{name} (the book)", mine, book, threads, must=50, remark=remark) if book else None
                note(f"{name} (rivals)", mine, rivals, threads, must=2, remark=remark) if rivals else None
    return 0


if __name__ == "__main__":
    sys.exit(main())
