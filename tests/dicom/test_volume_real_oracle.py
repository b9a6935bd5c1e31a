"""Real series against the volumes published with them, dcm2niix and SimpleITK."""

import tempfile

import nibabel

from parity import DATA, convert, dcm2niix, itk_series, need, same

STS = need(DATA / "ibsi_sts_validation")
IBSI = need(DATA / "ibsi/data_sets/ibsi_1_ct_radiomics_phantom")
ENHANCED = need(DATA / "dicom/dcm_qa_enh")

with tempfile.TemporaryDirectory() as folder:
    # The publishers' NIfTI files hold single precision values and positions: 1e-5 mm is theirs. Their PET is SUV already.
    for modality, within in (("CT", 0), ("MR_T1", 0), ("PET", 1e-6)):
        source = STS / "dicom/STS_019" / modality / "image"
        ours = convert(source, f"{folder}/{modality}.nii.gz")
        same(ours, nibabel.load(STS / f"nifti/STS_019/{modality}_image.nii.gz"), 2e-4, within, f"STS_019 {modality} against its NIfTI")
        same(ours, itk_series(source), 2e-4, within, f"STS_019 {modality} against SimpleITK")
        with tempfile.TemporaryDirectory() as peer:
            # dcm2niix brings the slopes of a PET series to one and rounds to 16 bits
            most = abs(ours.get_fdata()).max()
            same(ours, dcm2niix(source, peer)[0], 2e-4, most / 32767 if modality == "PET" else 0, f"STS_019 {modality} against dcm2niix")

    source = IBSI / "dicom/image"
    ours = convert(source, f"{folder}/ibsi.nii.gz")
    for published in sorted((IBSI / "nifti/image").glob("*.nii*")):
        same(ours, nibabel.load(published), 2e-4, 0, "IBSI 1 CT against its NIfTI")
    same(ours, itk_series(source), 2e-4, 0, "IBSI 1 CT against SimpleITK")
    with tempfile.TemporaryDirectory() as peer:
        same(ours, dcm2niix(source, peer)[0], 2e-4, 0, "IBSI 1 CT against dcm2niix")

    # Enhanced MR. dcm_qa_enh's references are dcm2niix's own.
    ours = convert(ENHANCED / "In/Siemens/XA10", f"{folder}/xa10.nii.gz")
    reference = nibabel.load(ENHANCED / "Ref/Siemens_REST1_w_SMS_PF7-8_6.nii")
    same(ours, reference, 1e-3, 0, "Siemens XA10, four time points, against dcm_qa_enh")
    assert abs(ours.header.get_zooms()[3] - reference.header.get_zooms()[3]) < 1e-6
    # RescaleSlope and RescaleIntercept of the file: DICOM's values. dcm2niix divides by Philips' private slope beside (PMC3998685).
    for key, name, slope, intercept in (("M", "e1", 1.27985347985347, 0), ("FIELD_MAP", "e2_fieldmaphz", 0.24420024420024, -500)):
        select = f"1.3.46.670589.11.17240.5.0.8932.2018052615250908935/type=ORIGINAL-PRIMARY-T1-{key}"
        ours = convert(ENHANCED / "In/Philips/IM_0027_fMAP.dcm", f"{folder}/{name}.nii.gz", "--select", select)
        reference = nibabel.load(ENHANCED / f"Ref/Philips_WIP_B0_NS_801_{name}.nii")
        rescaled = nibabel.Nifti1Image(reference.dataobj.get_unscaled() * slope + intercept, reference.affine)
        # single precision of values up to 5241; dcm2niix squares the row direction, which is tilted by 2.7e-5, with the others
        same(ours, rescaled, 0.01, 3e-4, f"Philips {key} against dcm_qa_enh")
