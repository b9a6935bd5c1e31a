"""cormack radiomics: parameter files of both kinds, their mistakes, and a batch that resumes and quarantines."""
import csv
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import unittest

CORMACK = os.environ.get("CORMACK")
if not CORMACK:
    print("skipped: CORMACK is not set")
    sys.exit(77)


def write_volume(path, values, size=(6, 5, 4)):
    """A small MetaImage volume of bytes or shorts."""
    kind = "MET_UCHAR" if isinstance(values, bytes) else "MET_SHORT"
    data = values if isinstance(values, bytes) else b"".join(v.to_bytes(2, "little", signed=True) for v in values)
    header = (f"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nElementSpacing = 1 1 2\n"
              f"DimSize = {size[0]} {size[1]} {size[2]}\nElementType = {kind}\nElementDataFile = LOCAL\n")
    with open(path, "wb") as file:
        file.write(header.encode() + data)


class Command(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        write_volume(self.at("image.mha"), [(7 * k * k) % 211 for k in range(120)])
        write_volume(self.at("mask.mha"), bytes(1 if 20 <= k < 90 else 0 for k in range(120)))

    def at(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text):
        with open(self.at(name), "w") as file:
            file.write(text)
        return self.at(name)

    def run_it(self, *words):
        return subprocess.run([CORMACK, "radiomics", *words], capture_output=True, text=True)

    def table(self, name):
        with open(self.at(name)) as file:
            return list(csv.DictReader(file))

    def test_pyradiomics_file(self):
        params = self.write("p.yaml", "setting:\n  binWidth: 10\n  weightingNorm:\n  interpolator: 3\n  resampledPixelSpacing: [1, 1, 0]\n  force2D: False\n"
                                      "imageType:\n  Original: {}\n  LoG:\n    sigma: [1.0, 2]\n    binWidth: 5\nfeatureClass:\n  shape:\n  glcm: [JointEnergy, Contrast]\n"
                                      "voxelSetting:\n  kernelRadius: 2\n")
        done = self.run_it(self.at("image.mha"), self.at("mask.mha"), "--params", params, "-o", self.at("f.csv"))
        self.assertEqual(done.returncode, 0, done.stderr)
        row = self.table("f.csv")[0]
        names = [name for name in row if not name.startswith("diagnostics_")]
        self.assertEqual(len([n for n in names if n.startswith("original_shape_")]), 14)
        self.assertEqual([n for n in names if "glcm" in n], [f"{image}_glcm_{f}" for image in ("original", "log-sigma-1-0-mm-3D", "log-sigma-2-mm-3D")
                                                             for f in ("Contrast", "JointEnergy")])
        self.assertEqual(row["label"], "1")
        params = self.write("p.json", json.dumps({"setting": {"binWidth": 10}, "imageType": {"Original": {}}, "featureClass": {"ngtdm": []}}))
        done = self.run_it(self.at("image.mha"), self.at("mask.mha"), "--params", params, "-o", self.at("f.json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.at("f.json")) as file:
            self.assertEqual(sum(c["name"].startswith("original_ngtdm_") for c in json.load(file)["columns"]), 5)

    def test_one_number_of_spacing(self):
        """As in PyRadiomics each axis needs its own."""
        for given in ("2", "[2, 2]"):
            params = self.write("p.yaml", f"setting:\n  resampledPixelSpacing: {given}\n")
            for words in ([], ["--mode", "voxel", "-o", self.at("maps")]):
                done = self.run_it(self.at("image.mha"), self.at("mask.mha"), "--params", params, *words)
                self.assertEqual(done.returncode, 2)
                self.assertIn("give 2,2,", done.stderr)

    def test_real_numbers(self):
        """A mask of real numbers is a label map where they are whole."""
        header = ("ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nElementSpacing = 1 1 2\nDimSize = 6 5 4\n"
                  "ElementType = MET_FLOAT\nElementDataFile = LOCAL\n")
        values = [1.0 if 20 <= k < 90 else 0.0 for k in range(120)]
        for name, change in (("real.mha", {}), ("odd.mha", {40: 0.5, 41: math.nan})):
            with open(self.at(name), "wb") as file:
                file.write(header.encode() + struct.pack("<120f", *(change.get(k, v) for k, v in enumerate(values))))
        for words in ([], ["--convention", "pyradiomics", "--additionalInfo=false"], ["--regions", "1"]):
            plain, real, odd = (self.run_it(self.at("image.mha"), self.at(name), *words) for name in ("mask.mha", "real.mha", "odd.mha"))
            self.assertEqual((real.returncode, real.stdout), (0, plain.stdout), real.stderr)
            self.assertEqual(odd.returncode, 2)
            self.assertIn("2 of its 120 values are no whole numbers", odd.stderr)
            self.assertIn("the first 0.5 at voxel 4,1,1", odd.stderr)

    def test_outputs_are_checked_first(self):
        """Before anything is read: the images are not there."""
        pair = self.at("none.mha"), self.at("none2.mha")
        table = self.write("cases.csv", "Image,Mask\nnone.mha,none.mha\n")
        for words, told in (((*pair, "-o", self.at("f.xlsx")), ".csv, .json or .dcm"), ((*pair, "--sr", self.at("f.csv")), "FILE.dcm"),
                            ((*pair, "-o", self.at("f.dcm"), "--sr", self.at("g.dcm")), "the same thing"), ((table, "-o", self.at("f.txt")), ".csv, .json"),
                            ((table, "-o", self.at("f.csv"), "--sr", self.at("g.dcm")), "--sr FOLDER"), ((*pair, "--mode", "voxel", "-o", self.at("f.nii.gz")), "-o FOLDER"),
                            ((*pair, "--mode", "voxel", "-o", self.at("maps"), "--sr", self.at("g.dcm")), "leave --sr away")):
            done = self.run_it(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(told, done.stderr)
            self.assertNotIn("none", done.stderr)

    def test_report_of_label_map(self):
        done = self.run_it(self.at("image.mha"), self.at("mask.mha"), "--sr", self.at("f.dcm"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("cormack segmentation", done.stderr)
        table = self.write("cases.csv", "Image,Mask\nimage.mha,mask.mha\n")
        self.assertEqual(self.run_it(table, "-o", self.at("f.csv"), "--sr", self.at("reports")).returncode, 1)
        self.assertIn("cormack segmentation", self.table("f.csv.quarantine.csv")[0]["reason"])

    def test_other_grid(self):
        """The message names the option that mends it."""
        write_volume(self.at("small.mha"), bytes(1 if 10 <= k < 50 else 0 for k in range(60)), (6, 5, 2))
        for words in ([], ["--convention", "pyradiomics"], ["--mode", "voxel", "-o", self.at("maps")]):
            done = self.run_it(self.at("image.mha"), self.at("small.mha"), *words)
            self.assertEqual(done.returncode, 2)
            self.assertIn("--resample_mask", done.stderr)
        self.assertEqual(self.run_it(self.at("image.mha"), self.at("small.mha"), "--resample_mask").returncode, 0)

    def test_label_of_pyradiomics(self):
        """Label 1 alone, with a word on the others; --label 0 measures all."""
        write_volume(self.at("two.mha"), bytes(1 if 20 <= k < 60 else 4 if 60 <= k < 90 else 0 for k in range(120)))
        words = self.at("image.mha"), self.at("two.mha"), "--convention", "pyradiomics"
        done = self.run_it(*words, "-o", self.at("f.csv"))
        self.assertEqual([row["label"] for row in self.table("f.csv")], ["1"])
        self.assertIn("--label 0", done.stderr)
        done = self.run_it(*words, "--label", "0", "-o", self.at("f.csv"))
        self.assertEqual(([row["label"] for row in self.table("f.csv")], done.stderr), (["1", "4"], ""))

    def test_no_mask(self):
        """An empty map, and a label that is not there."""
        write_volume(self.at("empty.mha"), bytes(120))
        for words in ([], ["--convention", "pyradiomics"], ["--mode", "voxel", "-o", self.at("maps")], ["--regions", "1"]):
            done = self.run_it(self.at("image.mha"), self.at("empty.mha"), *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertRegex(done.stderr, "no voxel|it has none")
        self.assertIn("no voxel of label 7; it has 1", self.run_it(self.at("image.mha"), self.at("mask.mha"), "--label", "7").stderr)

    def test_help(self):
        """Examples stay on lines of their own."""
        shown = subprocess.run([CORMACK, "radiomics", "--help"], capture_output=True, text=True).stdout
        examples = shown[shown.index("\nExamples:\n"):].split("\n\n")[0].splitlines()[2:]
        self.assertEqual(len(examples), 2)
        self.assertTrue(all(line.startswith("  cormack radiomics ") for line in examples), examples)

    def test_maps(self):
        params = self.write("p.yaml", "setting:\n  binWidth: 10\nfeatureClass:\n  shape:\n  firstorder: [Mean]\n  glcm: [JointEnergy, Contrast]\n"
                                      "voxelSetting:\n  kernelRadius: 2\n  maskedKernel: false\n  initValue: .nan\n  voxelBatch: 100\n")
        words = self.at("image.mha"), self.at("mask.mha"), "--params", params
        done = self.run_it(*words, "--mode", "voxel", "-o", self.at("maps"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(os.listdir(self.at("maps"))), ["maps.csv"] + [f"original_{name}.nrrd" for name in ("firstorder_Mean", "glcm_Contrast", "glcm_JointEnergy")])
        for bad in ([*words, "--mode", "voxel"], [*words, "--mode", "voxel", "-o", self.at("f.csv")], [*words, "--mode", "voxel", "--regions", "2", "-o", self.at("maps")],
                    [*words, "--mode", "voxels", "-o", self.at("maps")], [*words, "--kernelRadius", "2"], [*words, "--mode", "voxel", "--initValue", "none", "-o", self.at("maps")]):
            done = self.run_it(*bad)
            self.assertNotEqual(done.returncode, 0, bad)
            self.assertTrue(done.stderr.strip(), bad)

    def test_flat_file_and_what_is_typed(self):
        params = self.write("p.yaml", "aggregation: 2D\nrange: [0, 200]\nbin_width: 10\n")
        done = self.run_it(self.at("image.mha"), self.at("mask.mha"), "--params", params, "--aggregation", "3D")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("cm_joint_max_3D_avg", done.stdout)
        self.assertNotIn("cm_joint_max_2D_avg", done.stdout)

    def test_mistakes(self):
        for text, words in (("setting: {binwidth: 3}", "did you mean «binWidth»"), ("imageType: {Wavlet: {}}", "did you mean «Wavelet»"),
                            ("imageType: {LoG: {sigmas: [1]}}", "did you mean «sigma»"), ("featureClass: {glmc: }", "did you mean «glcm»"),
                            ("featureClass: {glcm: [Cntrast]}", "did you mean «Contrast»"), ("settings: {}\nimageType: {}", "did you mean «setting»"),
                            ("setting: {binWidth: wide}", "binWidth"), ("voxelSetting: {kernelradius: 1}", "did you mean «kernelRadius»"),
                            ("bin_widht: 3", "did you mean «bin_width»"), ("setting: [1]", "group of keys"), ("[1]", "group of keys")):
            done = self.run_it(self.at("image.mha"), self.at("mask.mha"), "--params", self.write("p.yaml", text + "\n"))
            self.assertNotEqual(done.returncode, 0, text)
            self.assertIn(words, done.stderr, text)
            self.assertIn("p.yaml:1:", done.stderr, text)
        done = self.run_it(self.at("image.mha"), self.at("mask.mha"), "--binWidth", "5")
        self.assertIn("belongs to convention=pyradiomics", done.stderr)
        done = self.run_it(self.at("image.mha"), self.at("mask.mha"), "--convention", "pyradiomics", "--bin_width", "5")
        self.assertIn("belongs to convention=ibsi", done.stderr)

    def test_batch(self):
        write_volume(self.at("one.mha"), bytes(1 if k == 7 else 0 for k in range(120)))
        table = self.write("cases.csv", "ID,Image,Mask,Label\na,image.mha,mask.mha,1\nb,image.mha,one.mha,1\nc,none.mha,mask.mha,1\nd,image.mha,mask.mha,3\n"
                                        "e,image.mha,mask.mha,1\n")
        words = (table, "--convention", "pyradiomics", "-o", self.at("f.csv"), "--quiet")
        done = self.run_it(*words)
        self.assertEqual(done.returncode, 1, done.stderr)
        rows = self.table("f.csv")
        self.assertEqual([row["ID"] for row in rows], ["a", "e"])
        refused = self.table("f.csv.quarantine.csv")
        self.assertEqual([(row["row"], row["ID"], row["Mask"], row["Label"]) for row in refused], [("2", "b", "one.mha", "1"), ("3", "c", "mask.mha", "1"), ("4", "d", "mask.mha", "3")])
        for row, words_in in zip(refused, ("single voxel", "none.mha", "no voxel of label 3")):
            self.assertIn(words_in, row["reason"])
        with open(self.at("f.csv"), "rb") as file:
            first = file.read()
        os.remove(self.at("f.csv"))
        self.write("cases.csv", "ID,Image,Mask,Label\na,image.mha,mask.mha,1\ne,image.mha,mask.mha,1\n")  # what was kept serves again
        self.assertEqual(self.run_it(*words).returncode, 0)
        with open(self.at("f.csv"), "rb") as file:
            self.assertEqual(file.read(), first)
        self.assertFalse(os.path.exists(self.at("f.csv.quarantine.csv")))

    def kept(self, name):
        with open(self.at(f"{name}.resume/.cormack/journal"), "rb") as file:
            return file.read()

    def test_folders_are_kept(self):
        """A folder of slices as image, a folder that holds the mask alone: measured once, and anew where a slice is another."""
        subprocess.run([CORMACK, "convert", self.at("image.mha"), self.at("ct") + "/"], check=True, capture_output=True)
        os.mkdir(self.at("drawn"))
        os.rename(self.at("mask.mha"), self.at("drawn/mask.mha"))
        table = self.write("cases.csv", "Image,Mask\nct,drawn\n")
        words = (table, "--resample_mask", "-o", self.at("f.csv"), "--quiet")
        self.assertEqual(self.run_it(*words).returncode, 0, self.run_it(*words).stderr)
        first, kept = self.table("f.csv"), self.kept("f.csv")
        self.assertGreater(len(kept), 4000)
        self.assertEqual(self.run_it(*words).returncode, 0)
        self.assertEqual((self.table("f.csv"), self.kept("f.csv")), (first, kept))
        slices = sorted(os.listdir(self.at("ct")))
        os.remove(self.at(f"ct/{slices[-1]}"))
        done = self.run_it(*words)
        self.assertEqual(done.returncode, 0, self.table("f.csv.quarantine.csv") if done.returncode else "")
        self.assertNotEqual(self.table("f.csv"), first)

    def test_convention_of_maps(self):
        words = (self.at("image.mha"), self.at("mask.mha"), "--mode", "voxel", "-o", self.at("maps"), "--firstorder", "Mean", "--glcm", "none", "--glrlm", "none",
                 "--glszm", "none", "--ngtdm", "none", "--gldm", "none", "--convention")
        self.assertIn("PyRadiomics' names", self.run_it(*words, "ibsi").stderr)
        done = self.run_it(*words, "pyradiomics")
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
