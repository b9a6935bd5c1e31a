/* A synthetic cohort of chest CT patients with known truth, for tests, benches and the demo.
 *
 * Everything follows from (seed, patient, visit) through SplitMix64 used as a counter-based generator and through IEEE
 * basic operations and square roots alone (own sine and power of two), so that the same bits come out at any thread
 * count and on any IEEE machine. Two frames, both in mm with LPS axes: the patient's own («anatomical», about 0,0,0 at
 * the carina) and the scanner's, in which images stand; a visit's pose maps the first to the second: p = R q + t. */
#ifndef CORMACK_PHANTOM_H
#define CORMACK_PHANTOM_H

#include "cormack/image.h"

#define CM_PHANTOM_MAX_NODULES 6
#define CM_PHANTOM_MAX_VISITS 2

typedef enum CmPhantomMargin { CM_MARGIN_SMOOTH, CM_MARGIN_LOBULATED, CM_MARGIN_SPICULATED } CmPhantomMargin;
typedef enum CmPhantomPlace { CM_PLACE_FREE, CM_PLACE_WALL, CM_PLACE_VESSEL } CmPhantomPlace;
typedef enum CmPhantomDensity { CM_DENSITY_SOLID, CM_DENSITY_CALCIFIED, CM_DENSITY_SUBSOLID } CmPhantomDensity;

CM_API const char *cm_phantom_margin_name(CmPhantomMargin margin);    /* "smooth", ... */
CM_API const char *cm_phantom_place_name(CmPhantomPlace place);       /* "free", "wall", "vessel" */
CM_API const char *cm_phantom_density_name(CmPhantomDensity density); /* "solid", ... */

typedef struct CmPhantomNodule {
  int id; /* 1.., the value in the truth's label map */
  bool malignant;
  CmPhantomMargin margin;
  CmPhantomPlace place;
  CmPhantomDensity density;
  double anchor_mm[3];  /* anatomical: the centre; at the wall: the point of the pleura */
  double inward[3];     /* at the wall: unit normal into the lung; else 0 */
  double diameter_mm;   /* of the sphere of equal volume (before the wall cuts it), first visit */
  double doubling_days; /* volume doubling time; 0: stable */
  double hu;            /* of its substance; a calcified core has hu + 300 */
  uint64_t shape;       /* stream of the surface's random numbers */
} CmPhantomNodule;

typedef struct CmPhantomVisit {
  int days;            /* since the first visit */
  char date[9];        /* YYYYMMDD */
  double rotation[9];  /* row-major R of the pose */
  double shift_mm[3];  /* t of the pose */
  double breathing_mm; /* how far the diaphragm stands above that of the first visit */
  double pixel_mm, slice_mm;
  int matrix, slices;
  double noise_hu;     /* standard deviation in the centre */
  bool sharp;          /* reconstruction kernel */
  bool circle;         /* padding outside the circle of reconstruction */
  int missing_slice;   /* index of a slice that is not to be written, -1: none */
  int truncated_slice; /* index of a slice whose file is to be cut off, -1: none */
} CmPhantomVisit;

typedef struct CmPhantomPatient {
  char id[16], name[32];
  char sex; /* 'M' or 'F' */
  int age;  /* years, first visit */
  bool malignant, contrast;
  int visit_count, nodule_count;
  CmPhantomVisit visit[CM_PHANTOM_MAX_VISITS];
  CmPhantomNodule nodule[CM_PHANTOM_MAX_NODULES];
} CmPhantomPatient;

typedef struct CmPhantomOptions {
  uint64_t seed;
  int patients;    /* 1..9999 */
  int matrix;      /* 64..1024: pixels a row; the field of view stays that of the patient */
  double slice_mm; /* 0.5..10 */
  bool defects;    /* one study with a missing slice, one with a truncated file (from 4 patients on) */
  uint64_t reserved[4];
} CmPhantomOptions;

typedef struct CmPhantomPlan CmPhantomPlan; /* read-only after it is made; may be used by several threads */

CM_API void cm_phantom_default_options(CmPhantomOptions *options); /* 40 patients, 192 x 192, 2.5 mm, defects */
/* NULL options: the defaults. CM_ERR_PARAMETER where a number is out of range. Free with cm_phantom_plan_free(). */
CM_API CM_NODISCARD CmPhantomPlan *cm_phantom_thorax_plan(CmContext *ctx, const CmPhantomOptions *options,
                                                          CmError **err);
CM_API void cm_phantom_plan_free(CmPhantomPlan **plan);
CM_API int cm_phantom_patients(const CmPhantomPlan *plan);
CM_API const CmPhantomPatient *cm_phantom_patient(const CmPhantomPlan *plan, int patient); /* 0-based; borrowed */

/* A nodule as it is at a visit. */
typedef struct CmPhantomTruth {
  double centre_mm[3]; /* scanner's LPS */
  double diameter_mm;  /* of the sphere of equal volume */
  double volume_mm3;   /* inside the lung; spicules left out */
} CmPhantomTruth;
CM_API void cm_phantom_truth(const CmPhantomPlan *plan, int patient, int visit, int nodule, CmPhantomTruth *truth);

/* Makes the scan of a visit: ct i16 HU; lungs u8 labels {1 right lung, 2 left lung, 3 trachea and main bronchi},
 * vessels and nodules within the lungs included; nodules u8 labels = ids. Voxels belong to a label by at least half of
 * their volume. `lungs` and `nodules` may be NULL. On success the caller owns the images. Runs on the context's
 * threads. */
CM_API bool cm_phantom_thorax_image(CmContext *ctx, const CmPhantomPlan *plan, int patient, int visit, CmImage **ct,
                                    CmImage **lungs, CmImage **nodules, CmError **err);

#endif
