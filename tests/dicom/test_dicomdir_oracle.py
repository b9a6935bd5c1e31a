"""The files that a DICOMDIR refers to, against pydicom's reading of its records; missing files, names in another case, records that lead out."""
import ctypes as C
import os
import pathlib
import shutil
import sys
import tempfile

import pydicom

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import cormack_dicom as cd

FOLDER = pathlib.Path(os.environ.get("CORMACK_TEST_DATA", "../shared/data")) / "dicom/pydicom/test_files/dicomdirtests"


class File(C.Structure):
    _fields_ = [("path", C.c_char_p), ("sop_class_uid", C.c_char_p), ("sop_instance_uid", C.c_char_p), ("missing", C.c_bool)]


cd.lib.cm_dicom_dir_file.restype = C.POINTER(File)
cd.lib.cm_dicom_dir_count.restype = cd.lib.cm_dicom_dir_missing.restype = C.c_int64


def read(path):
    err = C.c_void_p()
    found = C.c_void_p(cd.check(cd.lib.cm_dicom_dir_read(cd.ctx, os.fsencode(path), C.byref(err)), err))
    files = []
    for at in range(cd.lib.cm_dicom_dir_count(found)):
        file = cd.lib.cm_dicom_dir_file(found, C.c_int64(at)).contents
        files.append((file.path.decode(), file.sop_instance_uid.decode(), file.missing))
    assert cd.lib.cm_dicom_dir_missing(found) == sum(f[2] for f in files)
    cd.lib.cm_dicom_dir_free(C.byref(found))
    return files


def expected(path):
    files = []
    for record in pydicom.dcmread(path).DirectoryRecordSequence:
        if "ReferencedFileID" in record and record.RecordInUseFlag != 0:
            names = record.ReferencedFileID
            names = [names] if isinstance(names, str) else list(names)
            target = os.path.join(os.path.dirname(path), *names)
            files.append((target, str(record.get("ReferencedSOPInstanceUIDInFile", "")), not os.path.isfile(target)))
    return files


def main():
    if not FOLDER.exists():
        print("skipped: no", FOLDER)
        sys.exit(77)
    for name in ("DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-nopatient", "DICOMDIR-reordered", "TINY_ALPHA/DICOMDIR"):
        path = str(FOLDER / name)
        ours, theirs = read(path), expected(path)
        assert ours == theirs and (ours or name == "x"), (name, ours[:3], theirs[:3])
        print(f"{name}: {len(ours)} files, {sum(f[2] for f in ours)} missing")
    with tempfile.TemporaryDirectory() as folder:  # names on disk in lower case, one file gone
        shutil.copytree(FOLDER / "TINY_ALPHA", folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        for base, dirs, files in os.walk(folder):
            os.chmod(base, 0o755)
        series = pathlib.Path(folder) / "PT000000/ST000000/SE000000"
        images = sorted(series.glob("IM*"))
        images[0].unlink()
        for image in images[1:]:
            image.rename(image.with_name(image.name.lower()))
        (pathlib.Path(folder) / "PT000000").rename(pathlib.Path(folder) / "pt000000")
        ours = read(folder + "/DICOMDIR")
        assert [f[2] for f in ours].count(True) == 1 and len(ours) == len(images)
        assert all(os.path.isfile(f[0]) for f in ours if not f[2])
        ds = pydicom.dcmread(folder + "/DICOMDIR")
        ds.DirectoryRecordSequence[-1].ReferencedFileID = ["..", "..", "etc", "hosts"]
        ds.save_as(folder + "/OUT")
        assert read(folder + "/OUT")[-1][2], "a record may not lead out of its folder"
    try:
        read(str(FOLDER.parent / "CT_small.dcm"))
    except cd.CormackError as error:
        assert "no DICOMDIR" in str(error)
    else:
        raise AssertionError("an image is no DICOMDIR")


main()
