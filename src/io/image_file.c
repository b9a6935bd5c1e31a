/* cm_image_read and cm_image_write: which format it is, by content and by extension. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cormack/dicom.h"
#include "cormack/file.h"
#include "io/dicom/read.h"
#include "io/formats.h"
#include "io/image_file.h"

#define HEAD_BYTES 8192

typedef struct Format {
  const char *name;
  const char *extensions[4];
  CmFormatDetectFn *detect;
  CmFormatReadFn *read;
  CmFormatWriteFn *write;
} Format;

/* In the order in which they are asked; the surest marks first. */
static const Format formats[] = {
    {"PNG", {".png"}, cm__png_detect, cm__png_read, cm__png_write},
    {"JPEG", {".jpg", ".jpeg"}, cm__jpeg_detect, cm__jpeg_read, cm__jpeg_write},
    {"NRRD", {".nrrd", ".nhdr"}, cm__nrrd_detect, cm__nrrd_read, cm__nrrd_write},
    {"NumPy", {".npy"}, cm__npy_detect, cm__npy_read, cm__npy_write},
    {"NumPy archive", {".npz"}, cm__npz_detect, cm__npz_read, cm__npz_write},
    {"TIFF", {".tif", ".tiff"}, cm__tiff_detect, cm__tiff_read, cm__tiff_write},
    {"NIfTI", {".nii", ".nii.gz"}, cm__nifti_detect, cm__nifti_read, cm__nifti_write},
    {"MetaImage", {".mha", ".mhd"}, cm__metaimage_detect, cm__metaimage_read, cm__metaimage_write},
};

void cm_read_default_options(CmReadOptions *options) {
  *options = (CmReadOptions){.fill = CM_FILL_REFUSE};
}

void cm_write_default_options(CmWriteOptions *options) {
  *options = (CmWriteOptions){.compression = -1, .quality = 95};
}

static const Format *detect(const CmSource *source, CmError **err) {
  uint8_t head[HEAD_BYTES];
  size_t size = source->size < sizeof head ? (size_t)source->size : sizeof head;
  if (!cm__source_read(source, 0, head, size, err)) return NULL;
  if (!size) {
    cm_error_set(err, CM_ERR_FORMAT, "the file is empty; fetch it again");
    return NULL;
  }
  for (int i = 0; i < CM_COUNT(formats); i++)
    if (formats[i].detect(head, size)) return &formats[i];
  return NULL;
}

/* Whether the first bytes of a file may be DICOM: the mark of PS3.10 7.1, or a first element in group 2 or 8 without a
 * preamble. */
static bool may_be_dicom(const CmSource *source) {
  uint8_t head[132] = {0};
  size_t size = source->size < sizeof head ? (size_t)source->size : sizeof head;
  if (!cm__source_read(source, 0, head, size, NULL)) return false;
  if (size == sizeof head && !memcmp(head + 128, "DICM", 4)) return true;
  bool little = (head[0] == 2 || head[0] == 8) && !head[1], big = !head[0] && (head[1] == 2 || head[1] == 8);
  return size > 8 && (little || big);
}

const char *cm__image_format(CmContext *ctx, const char *path, CmError **err) {
  struct stat info;
  if (!stat(path, &info) && S_ISDIR(info.st_mode)) return "DICOM";
  CmSource source;
  const char *name = NULL;
  if (!cm__source_open(&source, ctx, path, err)) goto done;
  CmError *fault = NULL;
  const Format *format = detect(&source, &fault);
  name = format ? format->name : may_be_dicom(&source) ? "DICOM" : NULL;
  if (!name && fault)
    cm_error_move(err, &fault);
  else if (!name)
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "is not in a format that Cormack knows (NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF, NumPy, DICOM)");
  cm_error_free(&fault);
done:
  cm__source_close(&source);
  if (!name) cm_error_context(err, "%s", path);
  return name;
}

CmImage *cm_image_read(CmContext *ctx, const char *path, const CmReadOptions *options, CmError **err) {
  CmReadOptions usual;
  cm_read_default_options(&usual);
  if (!options) options = &usual;
  const char *name = cm__image_format(ctx, path, err);
  if (!name) return NULL;
  if (!strcmp(name, "DICOM")) return cm__dicom_read_path(ctx, path, options, err);
  CmSource source;
  CmImage *image = NULL;
  if (cm__source_open(&source, ctx, path, err)) {
    const Format *format = detect(&source, err);
    if (format) image = format->read(&source, options, err);
    if (!image) cm_error_context(err, "%s", format ? format->name : "reading");
  }
  cm__source_close(&source);
  if (!image) cm_error_context(err, "%s", path);
  return image;
}

/* ---- writing
 * ---------------------------------------------------------------------------------------------------------- */

static const Format *format_for(const char *path, const char **extension) {
  for (int i = 0; i < CM_COUNT(formats); i++)
    for (int e = 0; e < CM_COUNT(formats[i].extensions) && formats[i].extensions[e]; e++)
      if (cm_path_has_extension(path, *extension = formats[i].extensions[e])) return &formats[i];
  return NULL;
}

const char *cm_image_extension(const char *path) {
  const char *extension;
  return format_for(path, &extension) ? extension : NULL;
}

bool cm__dicom_write_derived(CmContext *ctx, const CmImage *image, const char *path, const char *source,
                             CmDicomWriter *writer, CmError **err) {
  CmDicomWriteOptions write = {.uid_seed = "cormack"};
  CmDicomScan *scan = cm_dicom_scan(ctx, &source, 1, err);
  int volume = scan ? cm__dicom_select(ctx, scan, source, NULL, err) : -1;
  bool ok = volume >= 0;
  const char **files = NULL;
  if (ok) {
    int64_t count = cm_dicom_scan_volume(scan, volume)->file_count;
    files = cm_alloc_array(ctx, (size_t)count, sizeof *files, err);
    ok = files != NULL;
    for (int64_t i = 0; ok && i < count; i++) files[i] = cm_dicom_scan_file(scan, volume, i);
    write.source_files = files;
    write.source_count = (int)count;
    ok = ok && writer(ctx, image, path, &write, err);
  }
  cm_free(files);
  cm_dicom_scan_free(&scan);
  return ok;
}

static bool write_dicom(CmContext *ctx, const CmImage *image, const char *folder, const CmWriteOptions *options,
                        CmError **err) {
  CmDicomWriteOptions write = {.uid_seed = "cormack"};
  if (options->source) return cm__dicom_write_derived(ctx, image, folder, options->source, cm_dicom_write_series, err);
  return cm_dicom_write_series(ctx, image, folder, &write, err);
}

bool cm_meta_is_identifying(const char *key) {
  static const char *const keys[] = {"PatientName",
                                     "PatientID",
                                     "IssuerOfPatientID",
                                     "OtherPatientIDs",
                                     "OtherPatientNames",
                                     "PatientBirthName",
                                     "PatientBirthDate",
                                     "PatientBirthTime",
                                     "PatientMotherBirthName",
                                     "PatientAddress",
                                     "PatientTelephoneNumbers",
                                     "PatientComments",
                                     "AdditionalPatientHistory",
                                     "MilitaryRank",
                                     "MedicalRecordLocator",
                                     "AccessionNumber",
                                     "StudyID",
                                     "InstitutionName",
                                     "InstitutionAddress",
                                     "InstitutionalDepartmentName",
                                     "StationName",
                                     "DeviceSerialNumber",
                                     "ReferringPhysicianName",
                                     "PerformingPhysicianName",
                                     "NameOfPhysiciansReadingStudy",
                                     "PhysiciansOfRecord",
                                     "RequestingPhysician",
                                     "OperatorsName",
                                     "ResponsiblePerson"};
  for (int i = 0; i < CM_COUNT(keys); i++)
    if (!strcmp(key, keys[i])) return true;
  return false;
}

/* The image under a header without names. */
static CmImage *without_names(CmContext *ctx, const CmImage *image, CmError **err) {
  CmImage *shared = cm_image_share(ctx, (CmImage *)(uintptr_t)image, err); /* counts references, changes nothing else */
  for (int i = shared ? cm_image_meta_count(shared) : 0; i-- > 0;) {
    const char *key, *value;
    cm_image_meta_at(shared, i, &key, &value);
    if (!cm_meta_is_identifying(key)) continue;
    char name[64];
    snprintf(name, sizeof name, "%s", key);
    if (!cm_image_set_meta(shared, name, NULL, err)) {
      cm_image_unref(&shared);
      break;
    }
  }
  return shared;
}

static bool write_format(CmContext *ctx, const Format *format, const CmImage *image, const char *path,
                         const CmWriteOptions *options, CmError **err) {
  CmImage *plain = options->anonymous ? without_names(ctx, image, err) : NULL;
  bool ok = (plain || !options->anonymous) && format->write(ctx, plain ? plain : image, path, options, err);
  cm_image_unref(&plain);
  if (!ok) cm_error_context(err, "%s", path);
  return ok;
}

bool cm_image_write(CmContext *ctx, const CmImage *image, const char *path, const CmWriteOptions *options,
                    CmError **err) {
  CmWriteOptions usual;
  cm_write_default_options(&usual);
  if (!options) options = &usual;
  if (options->compression < -1 || options->compression > 9 || options->quality < 1 || options->quality > 100) {
    cm_error_set(err, CM_ERR_PARAMETER,
                 "compression is %d and quality %d; they go from 0 to 9 (or -1, the usual) and from 1 to 100",
                 options->compression, options->quality);
    return false;
  }
  const char *name = cm__path_name(path), *extension;
  const Format *format = format_for(path, &extension);
  if (format) return write_format(ctx, format, image, path, options, err);
  if (!*name || !strchr(name, '.') || !strcmp(name, ".") || !strcmp(name, ".."))
    return write_dicom(ctx, image, path, options, err);
  const char *mend = cm_path_has_extension(path, ".dcm") ? "DICOM is written as a folder: give a name without extension"
                     : cm_path_has_extension(path, ".hdr") || cm_path_has_extension(path, ".img")
                         ? "pairs are read but not written: use .nii or .nii.gz"
                         : "use .nii.gz, .nrrd, .mha, .png, .jpg, .tif, .npy, .npz, or a folder for DICOM";
  cm_error_set(err, CM_ERR_UNSUPPORTED, "%s: no format for this extension is written; %s", path, mend);
  return false;
}

bool cm__check_picture(const CmImage *image, const char *format, uint32_t types, bool alpha, CmError **err) {
  const int64_t *dims = cm_image_dims(image);
  CmType type = cm_image_type(image);
  int components = cm_image_components(image);
  if (dims[2] != 1 || dims[3] != 1) {
    cm_error_set(
        err, CM_ERR_UNSUPPORTED,
        "%s holds one picture and the image has %lld slices and %lld time points; write .nii.gz, .nrrd or .tif, "
        "or cut out one slice",
        format, (long long)dims[2], (long long)dims[3]);
    return false;
  }
  if (!(types & CM_TYPE_BIT(type))) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "%s cannot hold %s voxels exactly; write .tif or .nii.gz, or bring the values into range first "
                 "(window, then --type u8)",
                 format, cm_type_name(type));
    return false;
  }
  bool fits = components == 1 || components == 3 || (alpha && (components == 2 || components == 4));
  if (fits) return true;
  cm_error_set(err, CM_ERR_UNSUPPORTED, "%s cannot hold %d components; write .nii.gz, .nrrd or .npy", format,
               components);
  return false;
}
