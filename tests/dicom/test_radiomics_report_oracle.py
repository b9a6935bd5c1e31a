"""Features as DICOM SR: valid by dciodvfy, read by pydicom and by highdicom; values, units and references are those of the table, the segmentation and
the series; codes of IBSI are those of PS3.16 as pydicom has them. And segmentations that we write are the right way round for dcmqi."""
import csv
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
try:
    import highdicom as hd
    import numpy as np
    import pydicom
    import SimpleITK as sitk
    from pydicom.sr.codedict import codes
    import makers
    from test_contours_oracle import structures
    from test_radiomics_regions_oracle import COLUMNS, ROWS, SLICES, RegionsCase, balls, segmentation
    from test_segmentation_write_oracle import TURNED
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
STANDARD = {getattr(codes.IBSI, key).value: getattr(codes.IBSI, key).meaning for key in codes.IBSI.dir()}


def numbers(group):
    """The NUM items of a measurement group by the name of their column."""
    found = {}
    for item in group.ContentSequence:
        if item.ValueType == "NUM" and "ContentSequence" in item:
            name = [p.TextValue for p in item.ContentSequence if p.ConceptNameCodeSequence[0].CodeValue == "column"][0]
            found[name] = item
    return found


class Report(RegionsCase):
    def valid(self, path):
        if not shutil.which("dciodvfy"):
            self.skipTest("dciodvfy is not installed")
        told = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True).stderr.splitlines()
        self.assertEqual([line for line in told if line.startswith("Error")], [])

    def written(self, folder, mask, *words):
        done = self.program("radiomics", folder, mask, "-o", self.at / "f.csv", "--sr", self.at / "f.dcm", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.at / "f.csv") as file:
            return list(csv.DictReader(file)), pydicom.dcmread(self.at / "f.dcm")

    def check(self, rows, sr):
        """Every feature of the table is there once, with its value to the last bit, and nothing else."""
        measured = [i for i in sr.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "126010"][0]
        self.assertEqual(len(measured.ContentSequence), len(rows))
        for row, group in zip(rows, measured.ContentSequence):
            names = [n for n in row if n not in ("label", "name", "outside [voxel]", "overlaps") and not n.startswith("diagnostics_")]
            items = numbers(group)
            self.assertEqual(list(items), names)
            for name, item in items.items():
                if row[name] == "":
                    self.assertEqual(item.NumericValueQualifierCodeSequence[0].CodeValue, "114000")
                    continue
                value = item.MeasuredValueSequence[0]
                self.assertEqual(value.FloatingPointValue, float(row[name]), name)
                np.testing.assert_allclose(float(value.NumericValue), float(row[name]), rtol=1e-8)
                self.assertEqual(value.MeasurementUnitsCodeSequence[0].CodingSchemeDesignator, "UCUM")
                concept = item.ConceptNameCodeSequence[0]
                if concept.CodingSchemeDesignator == "IBSI" and concept.CodeValue in STANDARD:
                    self.assertEqual(concept.CodeMeaning, STANDARD[concept.CodeValue], name)

    def test_segments(self):
        folder, _ = self.made()
        segmentation(self.at / "seg.dcm", folder.iterdir(), balls())
        rows, sr = self.written(folder, self.at / "seg.dcm", "--aggregation", "both")
        self.valid(self.at / "f.dcm")
        self.check(rows, sr)
        seg, ct = pydicom.dcmread(self.at / "seg.dcm"), pydicom.dcmread(next(folder.iterdir()))
        for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate", "AccessionNumber"):
            self.assertEqual(sr[keyword].value, ct[keyword].value, keyword)
        evidence = {str(i.ReferencedSOPInstanceUID) for s in sr.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence for i in s.ReferencedSOPSequence}
        self.assertEqual(evidence, {str(pydicom.dcmread(p).SOPInstanceUID) for p in folder.iterdir()} | {str(seg.SOPInstanceUID)})
        groups = hd.sr.srread(self.at / "f.dcm").content.get_volumetric_roi_measurement_groups()
        self.assertEqual([g.tracking_identifier for g in groups], list(balls()))
        self.assertEqual(len({g.tracking_uid for g in groups}), 3)
        for k, (group, row) in enumerate(zip(groups, rows), 1):
            reference = group.referenced_segment
            self.assertEqual((reference.referenced_sop_instance_uid, reference.referenced_segment_numbers), (seg.SOPInstanceUID, [k]))
            self.assertEqual(reference.source_series_for_segmentation.value, ct.SeriesInstanceUID)
            self.assertEqual(group.finding_type.value, codes.SCT.Neoplasm.value)
            found = {}
            for one in group.get_measurements():
                found.setdefault(one.name.value, []).append(one)
            (volume,), (mean,) = found["RNU0"], found["Q4LE"]
            self.assertEqual((volume.value, volume.unit, mean.unit), (float(row["morph_volume"]), codes.UCUM.CubicMillimeter, codes.UCUM.HounsfieldUnit))
            self.assertEqual([m.method.value for m in found["ACUI"]], ["BTW3", "SUJT", "JJUI", "ZW7Z", "ITBB", "IAZD"])

    def test_pyradiomics_names(self):
        folder, _ = self.made()
        segmentation(self.at / "seg.dcm", folder.iterdir(), balls())
        rows, sr = self.written(folder, self.at / "seg.dcm", "--convention", "pyradiomics", "--imageType", "Original; LoG sigma=2.0")
        self.valid(self.at / "f.dcm")
        self.check(rows, sr)
        (measured,) = [i for i in sr.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "126010"]
        items = numbers(measured.ContentSequence[0])
        for name, code in (("original_glcm_Idmn", "1QCO"), ("original_shape_MeshVolume", "RNU0"), ("original_firstorder_Kurtosis", "firstorder_Kurtosis"), ("log-sigma-2-0-mm-3D_glcm_MCC", "glcm_MCC")):
            concept = items[name].ConceptNameCodeSequence[0]
            self.assertEqual(concept.get("CodeValue") or concept.LongCodeValue, code)
        filtered = [p.TextValue for p in items["log-sigma-2-0-mm-3D_glcm_MCC"].ContentSequence]
        self.assertEqual(filtered, ["log-sigma-2-0-mm-3D", "log-sigma-2-0-mm-3D_glcm_MCC"])

    def test_contours(self):
        """A structure set is referred to as a region in space; a region without voxels has numbers without values."""
        folder, like = self.made()
        ct = pydicom.dcmread(next(folder.iterdir()))
        square = [(2, 3), (9, 3), (9, 11), (2, 11)]
        drawn = {name: [("CLOSED_PLANAR", [like.TransformContinuousIndexToPhysicalPoint((x + away, float(y), float(z))) for x, y in square]) for z in (2, 3, 4)] for name, away in (("GTV", 0.), ("gone", 900.))}
        structures(self.at / "rs.dcm", drawn, ct.FrameOfReferenceUID)
        rs = pydicom.dcmread(self.at / "rs.dcm")
        rs.StudyInstanceUID, rs.SeriesInstanceUID = ct.StudyInstanceUID, "2.25.77"
        rs.save_as(self.at / "rs.dcm")
        rows, sr = self.written(folder, self.at / "rs.dcm")
        self.valid(self.at / "f.dcm")
        self.check(rows, sr)
        self.assertEqual([r["morph_volume"] == "" for r in rows], [False, True])
        (measured,) = [i for i in sr.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "126010"]
        (region,) = [i for i in measured.ContentSequence[0].ContentSequence if i.ValueType == "COMPOSITE"]
        self.assertEqual(region.ReferencedSOPSequence[0].ReferencedSOPInstanceUID, rs.SOPInstanceUID)

    def test_refused(self):
        folder, like = self.made()
        mask = sitk.GetImageFromArray(balls()["tumour"].astype(np.uint8))
        mask.CopyInformation(like)
        sitk.WriteImage(mask, str(self.at / "mask.nrrd"))
        done = self.program("radiomics", folder, self.at / "mask.nrrd", "-o", self.at / "f.dcm")
        self.assertEqual(done.returncode, 2)
        self.assertIn("cormack segmentation", done.stderr)

    def test_dcmqi(self):
        """Voxels of each segment where they were, for an independent reader."""
        reader = shutil.which("segimage2itkimage", path=str(pathlib.Path(sys.executable).parent)) or shutil.which("segimage2itkimage")
        if not reader:
            self.skipTest("dcmqi is not installed")
        labels = sum(k * m for k, m in enumerate((balls()["tumour"], balls()["node"]), 1)).astype(np.uint8)
        for name, orientation in (("axial", (1, 0, 0, 0, 1, 0)), ("oblique", TURNED)):
            with self.subTest(name):
                folder, like = self.made(orientation)
                image = sitk.GetImageFromArray(labels)
                image.CopyInformation(like)
                sitk.WriteImage(image, str(self.at / "labels.nrrd"))
                done = self.program("segmentation", self.at / "labels.nrrd", folder, self.at / "ours.dcm")
                self.assertEqual(done.returncode, 0, done.stderr)
                done = subprocess.run([reader, "--inputDICOM", self.at / "ours.dcm", "--outputDirectory", self.at, "--prefix", name, "--outputType", "nrrd"], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                for k in (1, 2):
                    read = sitk.ReadImage(str(self.at / f"{name}-{k}.nrrd"))
                    on_ours = sitk.Resample(read, image, sitk.Transform(), sitk.sitkNearestNeighbor)
                    np.testing.assert_array_equal(sitk.GetArrayFromImage(on_ours) > 0, labels == k)
                    self.assertEqual(int((sitk.GetArrayFromImage(read) > 0).sum()), int((labels == k).sum()))


if __name__ == "__main__":
    unittest.main()
