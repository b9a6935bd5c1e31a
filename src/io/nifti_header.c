/* NIfTI headers. Layout: nifti1.h and nifti2.h of the NIfTI project (public domain), whose constants are used here; the
 * codec is our own because every number of a foreign header must be checked before it is believed, and nothing may
 * print. */
#include "io/nifti_header.h"

#include <math.h>
#include <nifti1.h>
#include <string.h>

/* ---- fields
 * ------------------------------------------------------------------------------------------------------------ */

typedef struct Cursor {
  uint8_t *bytes;
  bool big;
} Cursor;

static uint64_t load(const Cursor *c, int at, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; i++) value |= (uint64_t)c->bytes[at + (c->big ? size - 1 - i : i)] << (8 * i);
  return value;
}

static void store(const Cursor *c, int at, int size, uint64_t value) {
  for (int i = 0; i < size; i++) c->bytes[at + i] = (uint8_t)(value >> (8 * i));
}

static int64_t load_int(const Cursor *c, int at, int size) {
  uint64_t value = load(c, at, size);
  return size == 2 ? (int16_t)value : size == 4 ? (int32_t)value : (int64_t)value;
}

static double load_real(const Cursor *c, int at, int size) {
  uint64_t bits = load(c, at, size);
  if (size == 4) {
    uint32_t half = (uint32_t)bits;
    float value;
    memcpy(&value, &half, 4);
    return (double)value;
  }
  double value;
  memcpy(&value, &bits, 8);
  return value;
}

static void store_real(const Cursor *c, int at, int size, double value) {
  uint64_t bits = 0;
  if (size == 4) {
    float small = (float)value;
    uint32_t half;
    memcpy(&half, &small, 4);
    bits = half;
  } else {
    memcpy(&bits, &value, 8);
  }
  store(c, at, size, bits);
}

/* Where the fields stand: offset and size in both versions. */
enum {
  F_DIM,
  F_INTENT,
  F_DATATYPE,
  F_BITPIX,
  F_PIXDIM,
  F_OFFSET,
  F_SLOPE,
  F_INTER,
  F_UNITS,
  F_QCODE,
  F_SCODE,
  F_QUATERN,
  F_QOFFSET,
  F_SROW,
  F_COUNT
};
typedef struct Place {
  int at, size;
} Place;
static const Place places[2][F_COUNT] = {
    {{40, 2},
     {68, 2},
     {70, 2},
     {72, 2},
     {76, 4},
     {108, 4},
     {112, 4},
     {116, 4},
     {123, 1},
     {252, 2},
     {254, 2},
     {256, 4},
     {268, 4},
     {280, 4}},
    {{16, 8},
     {504, 4},
     {12, 2},
     {14, 2},
     {104, 8},
     {168, 8},
     {176, 8},
     {184, 8},
     {500, 4},
     {344, 4},
     {348, 4},
     {352, 8},
     {376, 8},
     {400, 8}},
};
static const int description_at[2] = {148, 240}, intent_name_at[2] = {328, 508};

static void load_reals(const Cursor *c, Place place, double *values, int count) {
  for (int i = 0; i < count; i++) values[i] = load_real(c, place.at + i * place.size, place.size);
}

static void store_reals(const Cursor *c, Place place, const double *values, int count) {
  for (int i = 0; i < count; i++) store_real(c, place.at + i * place.size, place.size, values[i]);
}

CmNiftiKind cm__nifti_kind(const uint8_t *head, size_t size) {
  if (size < CM_NIFTI1_BYTES) return CM_NIFTI_NO;
  Cursor c = {(uint8_t *)(uintptr_t)head, false};
  uint64_t little = load(&c, 0, 4);
  c.big = true;
  uint64_t big = load(&c, 0, 4);
  if (size >= CM_NIFTI2_BYTES && (little == CM_NIFTI2_BYTES || big == CM_NIFTI2_BYTES)) {
    static const uint8_t tail[5] = {0, '\r', '\n', 26, '\n'};
    bool magic = head[4] == 'n' && (head[5] == '+' || head[5] == 'i') && head[6] == '2' && !memcmp(head + 7, tail, 5);
    return magic ? CM_NIFTI_YES : CM_NIFTI_NO;
  }
  if (little != CM_NIFTI1_BYTES && big != CM_NIFTI1_BYTES) return CM_NIFTI_NO;
  const uint8_t *magic = head + 344;
  if (magic[0] == 'n' && (magic[1] == '+' || magic[1] == 'i') && magic[2] == '1' && !magic[3]) return CM_NIFTI_YES;
  c.big = big == CM_NIFTI1_BYTES;
  int64_t rank = load_int(&c, 40, 2);
  return rank >= 1 && rank <= 7 ? CM_NIFTI_ANALYZE : CM_NIFTI_NO;
}

void cm__nifti_decode(const uint8_t *bytes, CmNifti *header) {
  Cursor c = {(uint8_t *)(uintptr_t)bytes, false};
  uint64_t length = load(&c, 0, 4);
  *header = (CmNifti){.version = length == CM_NIFTI1_BYTES ? 1 : 2};
  if (length != CM_NIFTI1_BYTES && length != CM_NIFTI2_BYTES) {
    c.big = header->big_endian = true;
    header->version = load(&c, 0, 4) == CM_NIFTI1_BYTES ? 1 : 2;
  }
  int v = header->version - 1;
  const Place *p = places[v];
  header->pair = bytes[v ? 5 : 345] == 'i';
  for (int i = 0; i < 8; i++) header->dim[i] = load_int(&c, p[F_DIM].at + i * p[F_DIM].size, p[F_DIM].size);
  header->intent_code = (int)load_int(&c, p[F_INTENT].at, p[F_INTENT].size);
  header->datatype = (int)load_int(&c, p[F_DATATYPE].at, 2);
  header->bitpix = (int)load_int(&c, p[F_BITPIX].at, 2);
  header->units = v ? (int)load_int(&c, p[F_UNITS].at, 4) : bytes[p[F_UNITS].at];
  header->qform_code = (int)load_int(&c, p[F_QCODE].at, p[F_QCODE].size);
  header->sform_code = (int)load_int(&c, p[F_SCODE].at, p[F_SCODE].size);
  header->vox_offset = v ? (double)load_int(&c, p[F_OFFSET].at, 8) : load_real(&c, p[F_OFFSET].at, 4);
  load_reals(&c, p[F_PIXDIM], header->pixdim, 8);
  load_reals(&c, p[F_SLOPE], &header->slope, 1);
  load_reals(&c, p[F_INTER], &header->intercept, 1);
  load_reals(&c, p[F_QUATERN], header->quatern, 3);
  load_reals(&c, p[F_QOFFSET], header->qoffset, 3);
  load_reals(&c, p[F_SROW], header->srow, 12);
  memcpy(header->description, bytes + description_at[v], 80);
  memcpy(header->intent_name, bytes + intent_name_at[v], 16);
}

void cm__nifti_encode(const CmNifti *header, uint8_t *bytes) {
  int v = header->version - 1;
  const Place *p = places[v];
  Cursor c = {bytes, false};
  memset(bytes, 0, v ? CM_NIFTI2_BYTES : CM_NIFTI1_BYTES);
  store(&c, 0, 4, v ? CM_NIFTI2_BYTES : CM_NIFTI1_BYTES);
  memcpy(bytes + (v ? 4 : 344), v ? "n+2\0\r\n\032\n" : "n+1", v ? 8 : 4);
  if (!v) bytes[38] = 'r'; /* the old «regular» mark, which some readers of Analyze look for */
  for (int i = 0; i < 8; i++) store(&c, p[F_DIM].at + i * p[F_DIM].size, p[F_DIM].size, (uint64_t)header->dim[i]);
  store(&c, p[F_INTENT].at, p[F_INTENT].size, (uint64_t)header->intent_code);
  store(&c, p[F_DATATYPE].at, 2, (uint64_t)header->datatype);
  store(&c, p[F_BITPIX].at, 2, (uint64_t)header->bitpix);
  store(&c, p[F_UNITS].at, p[F_UNITS].size, (uint64_t)header->units);
  store(&c, p[F_QCODE].at, p[F_QCODE].size, (uint64_t)header->qform_code);
  store(&c, p[F_SCODE].at, p[F_SCODE].size, (uint64_t)header->sform_code);
  if (v)
    store(&c, p[F_OFFSET].at, 8, (uint64_t)header->vox_offset);
  else
    store_real(&c, p[F_OFFSET].at, 4, header->vox_offset);
  store_reals(&c, p[F_PIXDIM], header->pixdim, 8);
  store_reals(&c, p[F_SLOPE], &header->slope, 1);
  store_reals(&c, p[F_INTER], &header->intercept, 1);
  store_reals(&c, p[F_QUATERN], header->quatern, 3);
  store_reals(&c, p[F_QOFFSET], header->qoffset, 3);
  store_reals(&c, p[F_SROW], header->srow, 12);
  memcpy(bytes + description_at[v], header->description, 80);
  memcpy(bytes + intent_name_at[v], header->intent_name, 16);
}

/* ---- geometry
 * ---------------------------------------------------------------------------------------------------------- NIfTI's
 * world is RAS (x to the right's opposite of LPS): LPS = diag(-1, -1, 1) RAS. */

typedef struct Affine {
  double spacing[3], direction[9], origin[3]; /* LPS, in the header's unit of length */
} Affine;

/* Whether the columns are a right angle to each other within what cm_geometry_check() accepts. */
static bool is_orthonormal(const double direction[9]) {
  CmGeometry geometry;
  cm_geometry_default(&geometry);
  memcpy(geometry.direction, direction, sizeof geometry.direction);
  return cm_geometry_check(&geometry, NULL);
}

static bool all_finite(const double *values, int count) {
  for (int i = 0; i < count; i++)
    if (!isfinite(values[i])) return false;
  return true;
}

static bool affine_of_sform(const CmNifti *h, Affine *affine) {
  if (!all_finite(h->srow, 12)) return false;
  for (int k = 0; k < 3; k++) {
    double x = h->srow[k], y = h->srow[4 + k], z = h->srow[8 + k];
    double norm = sqrt(x * x + y * y + z * z);
    if (!(norm > 0) || !isfinite(norm)) return false;
    affine->spacing[k] = norm;
    affine->direction[k] = -x / norm;
    affine->direction[3 + k] = -y / norm;
    affine->direction[6 + k] = z / norm;
  }
  affine->origin[0] = -h->srow[3];
  affine->origin[1] = -h->srow[7];
  affine->origin[2] = h->srow[11];
  return true;
}

/* pixdim of axis k = 0..2: its size without the sign that some writers put there; 1 for a zero on an axis of one voxel.
 */
static double voxel_size(const CmNifti *h, int k) {
  double size = fabs(h->pixdim[k + 1]);
  bool single = h->dim[0] <= k || h->dim[k + 1] == 1;
  return size == 0 && single ? 1.0 : size;
}

static bool affine_of_qform(const CmNifti *h, Affine *affine) {
  if (!all_finite(h->quatern, 3) || !all_finite(h->qoffset, 3)) return false;
  double b = h->quatern[0], c = h->quatern[1], d = h->quatern[2];
  double rest = 1.0 - (b * b + c * c + d * d), a;
  if (rest < -1e-3) return false;
  if (rest < 1e-7) { /* half a turn: a is lost in rounding (nifti1.h, «quaternion representation») */
    double norm = sqrt(b * b + c * c + d * d);
    b /= norm, c /= norm, d /= norm, a = 0;
  } else {
    a = sqrt(rest);
  }
  double fac = h->pixdim[0] < 0 ? -1.0 : 1.0;
  const double r[9] = {
      a * a + b * b - c * c - d * d, 2 * (b * c - a * d),           2 * (b * d + a * c) * fac,
      2 * (b * c + a * d),           a * a + c * c - b * b - d * d, 2 * (c * d - a * b) * fac,
      2 * (b * d - a * c),           2 * (c * d + a * b),           (a * a + d * d - c * c - b * b) * fac};
  for (int k = 0; k < 3; k++) {
    affine->spacing[k] = voxel_size(h, k);
    for (int i = 0; i < 3; i++) affine->direction[3 * i + k] = i < 2 ? -r[3 * i + k] : r[3 * i + k];
  }
  for (int i = 0; i < 3; i++) affine->origin[i] = i < 2 ? -h->qoffset[i] : h->qoffset[i];
  return true;
}

/* Neither code set: only sizes are known, and programs differ about the rest (nifti1.h: axes to R, A, S; nibabel: x
 * flipped, centred; ITK: as here). It is then what it is for every image without a position: origin 0, direction
 * identity. */
static void affine_of_pixdim(const CmNifti *h, Affine *affine) {
  *affine = (Affine){.direction = {1, 0, 0, 0, 1, 0, 0, 0, 1}};
  for (int k = 0; k < 3; k++) affine->spacing[k] = voxel_size(h, k);
}

static bool check_pixdim(const CmNifti *h, const Affine *affine, CmError **err) {
  for (int k = 0; k < 3; k++) {
    double said = voxel_size(h, k);
    if (!isfinite(said) || said == 0 || fabs(said - affine->spacing[k]) <= 0.01 * affine->spacing[k]) continue;
    if (h->dim[0] <= k || h->dim[k + 1] == 1) continue;
    cm_error_set(err, CM_ERR_GEOMETRY,
                 "the header contradicts itself: along axis %d the sform says %g and pixdim %g; "
                 "find out which is right and correct the other",
                 k, affine->spacing[k], said);
    return false;
  }
  return true;
}

/* The rule of docs/formats.md: sform if its code is set and it is a rotation with sizes; a sheared or scaled sform that
 * leads into a template (code 2 and up) gives way to a qform that is set; else the qform; else sizes alone. */
static bool choose_affine(const CmNifti *h, Affine *affine, CmError **err) {
  if (h->sform_code > 0) {
    bool usable = affine_of_sform(h, affine);
    if (usable && is_orthonormal(affine->direction)) return check_pixdim(h, affine, err);
    if (h->sform_code >= NIFTI_XFORM_ALIGNED_ANAT && h->qform_code > 0 && affine_of_qform(h, affine)) return true;
    cm_error_set(
        err, CM_ERR_GEOMETRY,
        usable
            ? "the sform is sheared (its axes are not at right angles), so the voxels are no regular grid; resample it "
              "to one with the program that made it"
            : "the sform is not an invertible matrix; correct the header");
    return false;
  }
  if (h->qform_code > 0) {
    if (affine_of_qform(h, affine)) return true;
    cm_error_set(err, CM_ERR_GEOMETRY,
                 "the qform is no rotation (its quaternion is longer than 1); correct the header");
    return false;
  }
  affine_of_pixdim(h, affine);
  return true;
}

bool cm__nifti_geometry(const CmNifti *h, CmGeometry *geometry, CmError **err) {
  Affine affine;
  if (!choose_affine(h, &affine, err)) return false;
  int space = h->units & 7, time = h->units & 0x38;
  double mm = 1, per_mm = 1;
  if (space == NIFTI_UNITS_METER)
    mm = 1000;
  else if (space == NIFTI_UNITS_MICRON)
    per_mm = 1000;
  else if (space != NIFTI_UNITS_MM && space != NIFTI_UNITS_UNKNOWN) {
    cm_error_set(err, CM_ERR_FORMAT, "the unit of length (code %d) is not one of NIfTI's; correct xyzt_units", space);
    return false;
  }
  for (int i = 0; i < 3; i++) {
    geometry->spacing[i] = affine.spacing[i] * mm / per_mm;
    geometry->origin[i] = affine.origin[i] * mm / per_mm + 0.0; /* + 0.0: no negative zero */
  }
  for (int i = 0; i < 9; i++) geometry->direction[i] = affine.direction[i] + 0.0;
  double step = h->pixdim[4];
  double per_s = time == NIFTI_UNITS_MSEC ? 1e3 : time == NIFTI_UNITS_USEC ? 1e6 : 1;
  bool is_time =
      time == NIFTI_UNITS_SEC || time == NIFTI_UNITS_MSEC || time == NIFTI_UNITS_USEC || time == NIFTI_UNITS_UNKNOWN;
  geometry->spacing_t = h->dim[0] >= 4 && is_time && isfinite(step) && step > 0 ? step / per_s : 1.0;
  return cm_geometry_check(geometry, err);
}

/* Quaternion (b, c, d with a >= 0) of a rotation r, row-major; the largest of a, b, c, d is found first, which keeps
 * the roots away from 0. */
static void quaternion_of(const double r[9], double quatern[3]) {
  const double squares[4] = {1 + r[0] + r[4] + r[8], 1 + r[0] - r[4] - r[8], 1 - r[0] + r[4] - r[8],
                             1 - r[0] - r[4] + r[8]};
  int best = 0;
  for (int i = 1; i < 4; i++)
    if (squares[i] > squares[best]) best = i;
  double q[4], root = sqrt(squares[best] > 0 ? squares[best] : 1), f = 0.5 / root;
  if (best == 0)
    q[0] = root / 2, q[1] = (r[7] - r[5]) * f, q[2] = (r[2] - r[6]) * f, q[3] = (r[3] - r[1]) * f;
  else if (best == 1)
    q[0] = (r[7] - r[5]) * f, q[1] = root / 2, q[2] = (r[1] + r[3]) * f, q[3] = (r[2] + r[6]) * f;
  else if (best == 2)
    q[0] = (r[2] - r[6]) * f, q[1] = (r[1] + r[3]) * f, q[2] = root / 2, q[3] = (r[5] + r[7]) * f;
  else
    q[0] = (r[3] - r[1]) * f, q[1] = (r[2] + r[6]) * f, q[2] = (r[5] + r[7]) * f, q[3] = root / 2;
  double norm = sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
  double sign = q[0] < 0 ? -1 : 1;
  for (int i = 0; i < 3; i++) quatern[i] = sign * q[i + 1] / norm + 0.0;
}

void cm__nifti_set_geometry(CmNifti *h, const CmGeometry *g) {
  double ras[9];
  for (int i = 0; i < 3; i++)
    for (int k = 0; k < 3; k++) {
      ras[3 * i + k] = i < 2 ? -g->direction[3 * i + k] : g->direction[3 * i + k];
      h->srow[4 * i + k] = ras[3 * i + k] * g->spacing[k] + 0.0;
    }
  for (int i = 0; i < 3; i++) {
    h->qoffset[i] = (i < 2 ? -g->origin[i] : g->origin[i]) + 0.0;
    h->srow[4 * i + 3] = h->qoffset[i];
    h->pixdim[i + 1] = g->spacing[i];
  }
  double determinant = ras[0] * (ras[4] * ras[8] - ras[5] * ras[7]) - ras[1] * (ras[3] * ras[8] - ras[5] * ras[6]) +
                       ras[2] * (ras[3] * ras[7] - ras[4] * ras[6]);
  h->pixdim[0] = determinant < 0 ? -1 : 1;
  if (determinant < 0) ras[2] = -ras[2], ras[5] = -ras[5], ras[8] = -ras[8];
  quaternion_of(ras, h->quatern);
  h->pixdim[4] = g->spacing_t;
  h->qform_code = h->sform_code = NIFTI_XFORM_SCANNER_ANAT;
  h->units = NIFTI_UNITS_MM | NIFTI_UNITS_SEC;
}
