/* DICOM, natively: data sets, pixels, volumes, writing. PS3.x: parts of the DICOM standard.
 *
 * A data set is a bounded view of a mapped file or a caller's buffer: nothing is allocated by a number that the file
 * claims, every length is checked against what is left, nesting is limited (CM_DICOM_MAX_DEPTH). Elements borrow from
 * the CmDicom. */
#ifndef CORMACK_DICOM_H
#define CORMACK_DICOM_H

#include "cormack/image.h"
#include "cormack/io.h"
#include "cormack/table.h"

#define CM_DICOM_MAX_DEPTH 64
#define CM_TAG(group, element) (((uint32_t)(group) << 16) | (uint32_t)(element))
#define CM_VR(a, b) ((uint16_t)((uint16_t)(a) << 8 | (uint16_t)(b))) /* e.g. CM_VR('U','S') */

/* ---- data sets (PS3.5, PS3.10) -------------------------------------------------------------------------------------
 */

typedef struct CmDicom CmDicom; /* one file or buffer, opened */

typedef enum CmDicomScope {
  CM_DICOM_HEADER, /* stop before the pixel data (its element is known, its bytes are not touched) */
  CM_DICOM_WHOLE,
  CM_DICOM_REMAINS, /* the header of a file that is cut off: what stands before the cut, to tell what the file was */
} CmDicomScope;

/* Part of a CmDicom: the main data set, the file meta information, or an item of a sequence. Plain value; borrows. */
typedef struct CmDicomSet {
  const CmDicom *file;
  const uint8_t *begin, *end;
  uint8_t big_endian, explicit_vr, depth;
  uint32_t charset_length; /* SpecificCharacterSet in force: own or inherited (PS3.5 7.5.3, PS3.3 C.12.1.1.2) */
  const uint8_t *charset;
} CmDicomSet;

typedef struct CmDicomElement {
  uint32_t tag;
  uint16_t vr; /* CM_VR. In implicit VR, and for UN, from the dictionary; CM_VR('U','N') where that does not know it */
  bool undefined_length;  /* a sequence or encapsulated pixel data whose end was marked, not counted */
  uint8_t implicit_items; /* its items are in implicit VR whatever the data set is in (CP-246) */
  const uint8_t *value;   /* borrowed; NULL where length is 0, and for the pixel data unless CM_DICOM_WHOLE */
  uint64_t length; /* bytes of the value; for undefined length what lies between the delimiters (0 for pixels under
                      CM_DICOM_HEADER) */
  CmDicomSet set;  /* where it was found */
} CmDicomElement;

/* Opens and walks the top level once; nested sequences are checked to be whole. Files without preamble or meta
 * information are read where the standard's encodings can be told apart; anything else is CM_ERR_FORMAT (cm_dicom_sniff
 * tells what is not DICOM at all). A file cut off before its pixel data ends is CM_ERR_FORMAT with the offset and what
 * is missing, under both scopes. Files are mapped: one that another process shortens while it is open stops the
 * program, as with every mapped file. */
CM_API CM_NODISCARD CmDicom *cm_dicom_open(CmContext *ctx, const char *path, CmDicomScope scope, CmError **err);
/* Same on a caller's bytes, which must outlive the CmDicom. `name` is for messages. */
CM_API CM_NODISCARD CmDicom *cm_dicom_parse(CmContext *ctx, const uint8_t *bytes, size_t size, const char *name,
                                            CmDicomScope scope, CmError **err);
CM_API void cm_dicom_close(CmDicom **dicom);
/* Whether the first bytes of a file (give 512 or more where it has them) look like DICOM, whole or broken. */
CM_API bool cm_dicom_detect(const uint8_t *head, size_t size);
/* Same for a file; false also where it cannot be read. */
CM_API bool cm_dicom_sniff(const char *path);

CM_API CmDicomSet cm_dicom_root(const CmDicom *dicom);
CM_API CmDicomSet cm_dicom_meta(const CmDicom *dicom);             /* group 0002; empty set where absent */
CM_API const char *cm_dicom_transfer_syntax(const CmDicom *dicom); /* UID; borrowed */
CM_API const char *cm_dicom_path(const CmDicom *dicom);
CM_API uint64_t cm_dicom_file_size(const CmDicom *dicom); /* bytes on disk or of the buffer */
CM_API CmContext *cm_dicom_context(const CmDicom *dicom);

/* First element with the tag at this level. false: absent (not an error). */
CM_API bool cm_dicom_find(CmDicomSet set, uint32_t tag, CmDicomElement *element);
/* Walks a level: start with *at = 0; false at the end. */
CM_API bool cm_dicom_next(CmDicomSet set, uint64_t *at, CmDicomElement *element);
/* Walks the items of a sequence: start with *at = 0; false at the end. */
CM_API bool cm_dicom_item(const CmDicomElement *sequence, uint64_t *at, CmDicomSet *item);
CM_API int cm_dicom_item_count(const CmDicomElement *sequence);
CM_API bool cm_dicom_first_item(CmDicomSet set, uint32_t sequence_tag, CmDicomSet *item);

/* Values. Text is UTF-8 by the data set's SpecificCharacterSet, padding removed, into a caller's buffer (cut at its
 * size, on a character's edge); returns `to`, or NULL where the element is absent or empty. */
CM_API const char *cm_dicom_text(CmDicomSet set, uint32_t tag, char *to, size_t size);
/* Number `at` (0-based) of a multi-valued element, from binary VRs, IS and DS; false: absent or not a number. */
CM_API bool cm_dicom_real(CmDicomSet set, uint32_t tag, int at, double *value);
CM_API bool cm_dicom_int(CmDicomSet set, uint32_t tag, int at, int64_t *value);
/* Up to `most` numbers; returns how many the element has (0 if absent). */
CM_API int cm_dicom_reals(CmDicomSet set, uint32_t tag, double *values, int most);
CM_API int cm_dicom_multiplicity(const CmDicomElement *element);
/* The whole element as UTF-8 text, values joined by backslash (binary numbers printed); free with cm_free(); NULL + err
 * on failure. */
CM_API CM_NODISCARD char *cm_dicom_element_text(const CmDicomElement *element, CmError **err);

/* Dictionary (PS3.6), generated by tools/make_dicom_tables.py. */
CM_API const char *cm_dicom_keyword(uint32_t tag);            /* "PatientID"; NULL if unknown */
CM_API bool cm_dicom_tag(const char *keyword, uint32_t *tag); /* keyword, "0010,0020" or "(0010,0020)" */
CM_API uint16_t cm_dicom_vr(uint32_t tag);                    /* CM_VR('U','N') if unknown */
CM_API const char *cm_dicom_vm(uint32_t tag);                 /* "1", "1-n", "2-2n"; NULL if unknown */
CM_API const char *cm_dicom_uid_name(const char *uid);        /* "CT Image Storage"; NULL if unknown */
/* The data set as DICOM JSON (PS3.18 F), without file meta information and group lengths. Binary values (OB, OD, OF,
 * OL, OV, OW, UN) of at most CM_DICOM_INLINE_BYTES are InlineBinary, longer ones are left out. Free with cm_free(). */
#define CM_DICOM_INLINE_BYTES 1024
CM_API CM_NODISCARD char *cm_dicom_to_json(const CmDicom *dicom, CmError **err);
/* For people: a line «(gggg,eeee) VR Keyword value» each, file meta information first, items indented; long values cut
 * with «…». */
CM_API CM_NODISCARD char *cm_dicom_dump(const CmDicom *dicom, CmError **err);

/* ---- DICOMDIR (PS3.3 F)
 * -------------------------------------------------------------------------------------------------- */

typedef struct CmDicomDirFile {
  const char *path; /* resolved: beside the DICOMDIR, whatever the case of the names on disk */
  const char *sop_class_uid, *sop_instance_uid; /* as the record says; "" where absent */
  bool missing;                                 /* not there, or the record leads out of the DICOMDIR's folder */
} CmDicomDirFile;

typedef struct CmDicomDir CmDicomDir;

/* Files that the records in use refer to, each once, in the order of the records. CM_ERR_FORMAT where the file is no
 * DICOMDIR. */
CM_API CM_NODISCARD CmDicomDir *cm_dicom_dir_read(CmContext *ctx, const char *path, CmError **err);
CM_API void cm_dicom_dir_free(CmDicomDir **dir);
CM_API int64_t cm_dicom_dir_count(const CmDicomDir *dir);
CM_API int64_t cm_dicom_dir_missing(const CmDicomDir *dir);
CM_API const CmDicomDirFile *cm_dicom_dir_file(const CmDicomDir *dir, int64_t at); /* borrowed */

/* ---- pixels (PS3.3 C.7.6.3, PS3.5 8 and annex A) --------------------------------------------------------------------
 */

typedef struct CmDicomPixels {
  int64_t columns, rows, frames;
  int samples; /* per pixel, in the file */
  int bits_allocated, bits_stored, high_bit;
  bool is_signed, is_float;
  char photometric[20]; /* "MONOCHROME2", ... */
} CmDicomPixels;

CM_API bool cm_dicom_pixels(const CmDicom *dicom, CmDicomPixels *pixels,
                            CmError **err); /* reads and checks the description */

typedef enum CmPixelStage {
  CM_PIXEL_STORED,  /* stored values after decompression: bits masked and sign-extended; planar to interleaved; YBR and
                       palette as they are */
  CM_PIXEL_VALUES,  /* + colour to RGB, palette applied, modality LUT or rescale (per frame where functional groups say
                       so) */
  CM_PIXEL_DISPLAY, /* + VOI window (first; full range where none), MONOCHROME1 inverted, as u8 */
} CmPixelStage;

/* Frames [first, first+count) as an image x,y(,z = frames), spacing from the pixel measures, no position. The type is
 * the smallest that holds all values exactly (STORED: by bits and sign; VALUES: integer where slope and intercept are
 * integers and it fits i16/u16/i32, else f32/f64). */
CM_API CM_NODISCARD CmImage *cm_dicom_decode(CmContext *ctx, const CmDicom *dicom, CmPixelStage stage, int64_t first,
                                             int64_t count, CmError **err);

/* ---- volumes
 * --------------------------------------------------------------------------------------------------------- */

typedef struct CmDicomScan CmDicomScan; /* what a set of files is, as volumes */

/* One volume that can be read as an image (or why it cannot). Strings are borrowed from the scan. */
typedef struct CmDicomVolume {
  const char *key; /* stable: SeriesInstanceUID, with what split it: "1.2.3/echo=2" */
  const char *patient_id, *patient_name, *study_uid, *series_uid, *frame_of_reference_uid;
  const char *study_date, *modality, *study_description, *series_description;
  int rank;
  int64_t dims[4];
  CmGeometry geometry;
  int64_t file_count;
  const char *defect;  /* NULL: can be read; else why not, e.g. the gap of a missing slice */
  bool fillable;       /* the defect is (also) a gap that CM_FILL_LINEAR or CM_FILL_DROP mends */
  bool tilted;         /* the defect is (also) a gantry tilt that CM_TILT_CORRECT mends */
  double tilt_degrees; /* angle between the slices' normal and the line through their centres; 0 where not tilted */
  const char *note;    /* NULL, or what to know: copies left out, slices ordered by number for want of positions, ... */
} CmDicomVolume;

typedef struct CmDicomReject {
  const char *path, *reason, *code; /* code: cm_error_code_name */
} CmDicomReject;

/* Reads the headers of all files under the paths (files, folders, DICOMDIR; recursive; in parallel) and assembles
 * volumes. Files that are not DICOM at all are counted, not rejected; DICOM files that are broken or unsupported are
 * rejected with their reason. Only cancellation, memory and unreadable top paths are errors. The order of volumes does
 * not depend on the order of files. */
CM_API CM_NODISCARD CmDicomScan *cm_dicom_scan(CmContext *ctx, const char *const *paths, int count, CmError **err);
CM_API void cm_dicom_scan_free(CmDicomScan **scan);
CM_API int cm_dicom_scan_volumes(const CmDicomScan *scan);
CM_API const CmDicomVolume *cm_dicom_scan_volume(const CmDicomScan *scan, int at);
CM_API const char *cm_dicom_scan_file(const CmDicomScan *scan, int volume,
                                      int64_t at); /* path of file `at` of the volume, in slice order */
CM_API int cm_dicom_scan_rejects(const CmDicomScan *scan);
CM_API const CmDicomReject *cm_dicom_scan_reject(const CmDicomScan *scan, int at);
/* DICOM objects that hold no image (structure sets, reports, presentation states, waveforms, DICOMDIR): neither volume
 * nor fault. */
CM_API int cm_dicom_scan_objects(const CmDicomScan *scan);
CM_API const CmDicomReject *cm_dicom_scan_object(const CmDicomScan *scan,
                                                 int at); /* reason: «RT Structure Set Storage: holds no image» */
CM_API int64_t cm_dicom_scan_other_files(const CmDicomScan *scan); /* files that are not DICOM */
/* Decodes and assembles a volume; HU for CT, Bq/ml or SUV ("g/ml") for PET, with DICOM attributes as metadata. */
CM_API CM_NODISCARD CmImage *cm_dicom_read_volume(CmContext *ctx, const CmDicomScan *scan, int volume,
                                                  const CmReadOptions *options, CmError **err);

/* ---- contours (PS3.3 A.19, C.8.8.6)
 * ------------------------------------------------------------------------------------------------------ */

typedef enum CmOverlap { CM_OVERLAP_REFUSE, CM_OVERLAP_LAST } CmOverlap;

typedef struct CmContourOptions {
  const char *roi;   /* the name or the number of the only ROI wanted; NULL: all */
  CmOverlap overlap; /* what two ROIs in one voxel are: CM_ERR_DATA, or that the one later in the file wins */
  uint64_t reserved[4];
} CmContourOptions;
CM_API void cm_contour_default_options(CmContourOptions *options);

/* The closed contours of an RT Structure Set as a label map (CM_I32; ROINumber, ROIName and colour as labels) on the
 * grid of `like`, the image that they were drawn on, of which x,y,z count. A voxel is in where its centre lies inside
 * an odd number of the contours of its slice: holes, drawn apart or by a keyhole, are out. Contours are stacked along
 * any axis of the grid; each counts for the nearest slice. CM_ERR_GEOMETRY: contours that cross slices, or were drawn
 * in another frame of reference (where the image knows its own). table, a row a ROI (may be NULL): label, name,
 * contours, outside (contours with a point beyond the image), not_closed (points and open contours, left out), voxels,
 * volume. */
CM_API CM_NODISCARD CmImage *cm_dicom_contours(CmContext *ctx, const CmDicom *file, const CmImage *like,
                                               const CmContourOptions *options, CmTable **table, CmError **err);

/* ---- writing (PS3.3 A.2 CT, A.8 SC, C.7.6.1.1.2 derived, C.12.4)
 * ------------------------------------------------------ */

/* One attribute of a data set to be written. */
typedef struct CmDicomAttribute {
  uint32_t tag;
  const char *text; /* as in DICOM text form, multiple values by backslash; binary VRs are converted */
} CmDicomAttribute;

typedef struct CmDicomWriteOptions {
  const char *sop_class_uid; /* CT, MR, PET or Secondary Capture Image Storage; NULL: by the source's class, else by the
                              * image's metadata "Modality" (CT, MR, PT), else secondary capture */
  const char *const
      *source_files; /* referenced in SourceImageSequence; patient, study, equipment and frame of reference are taken
                      * from the first, what belongs to one slice from the source at its position */
  int source_count;
  const CmDicomAttribute *attributes; /* override or add; text in UTF-8; a text of NULL leaves the attribute out */
  int attribute_count;
  const char *uid_seed;   /* UIDs are 2.25.<hash of seed and content>: same input, same UIDs; never NULL */
  bool secondary_capture; /* write rendered u8 images as SC rather than as a derived image */
  uint64_t reserved[8];
} CmDicomWriteOptions;

/* Writes one file per slice (and time point), IM0001.dcm …, into `folder`, which is made where it does not exist.
 * Explicit little endian, text in UTF-8. Without sources patient and study come from the image's metadata (keywords)
 * and from the attributes; ImageType is DERIVED\SECONDARY unless an attribute says otherwise (a phantom's
 * ORIGINAL\PRIMARY\AXIAL). Voxels: integers of at most 16 bits as they are (8 bits widened for CT, MR, PET), others
 * where a rescale slope and intercept hold every value exactly, else CM_ERR_UNSUPPORTED. 3 components of u8 or u16 are
 * RGB, secondary capture only. Unit "HU" becomes RescaleType HU, "Bq/ml" and "g/ml" the PET units. Geometry is written
 * to the 16 characters that DICOM's decimals have. Slices are written in parallel, same bytes at any thread count. On
 * failure the files already written stay. */
CM_API bool cm_dicom_write_series(CmContext *ctx, const CmImage *image, const char *folder,
                                  const CmDicomWriteOptions *options, CmError **err);
/* A label map (integers, x,y,z) as a binary segmentation of one file (PS3.3 A.51): a segment for each label above 0, in
 * rising order and numbered from 1, with the map's names and colours; frames of planes that are not empty. With sources
 * the patient, the study and the frame of reference are theirs, and each frame refers to the source at its position.
 * CM_ERR_UNSUPPORTED: not a label map, or negative values; CM_ERR_DATA: an empty one. */
CM_API bool cm_dicom_write_segmentation(CmContext *ctx, const CmImage *labels, const char *path,
                                        const CmDicomWriteOptions *options, CmError **err);
typedef struct CmReportOptions {
  const char *image;      /* the folder or file of DICOM that was measured */
  const char *regions;    /* the DICOM segmentation or structure set whose regions were measured */
  const char *parameters; /* of the measurement, as text; NULL: not told */
  bool binned_volume;     /* intensities of ivh_ are numbers of bins */
  const char *uid_seed;   /* as in CmDicomWriteOptions */
  const char *select;     /* which series of a folder of several; NULL: the only one */
  uint64_t reserved[3];
} CmReportOptions;
/* Features of regions (a row each: label, name, then features by IBSI's tags or PyRadiomics' names; other columns are
 * left out) as an Enhanced SR of one file: Imaging Measurement Report (PS3.16 TID 1500) with a Volumetric ROI
 * Measurements group (TID 1411) a region, which refers to its segment or structure set and to the image's series.
 * Features have the codes of IBSI where it has them, else 99CORMACK; units are UCUM's. Values are written as double and
 * to 16 characters; missing ones as «not a number» without a value. Patient and study are the image's.
 * CM_ERR_UNSUPPORTED: regions that are no DICOM object. */
CM_API bool cm_dicom_write_report(CmContext *ctx, const CmTable *features, const char *path,
                                  const CmReportOptions *options, CmError **err);
/* 2.25.<decimal of a 128-bit hash> (PS3.5 B.2), deterministic. */
CM_API void cm_dicom_uid(const char *seed, char uid[65]);

#endif
