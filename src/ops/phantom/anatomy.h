/* The phantom's anatomy: closed surfaces as approximate signed distances (first order: implicit function over its
 * gradient), and tubes. Frame and unit: the patient's own LPS, mm, about 0,0,0 at the carina. */
#ifndef CORMACK_OPS_PHANTOM_ANATOMY_H
#define CORMACK_OPS_PHANTOM_ANATOMY_H

#include "cormack/phantom.h"
#include "ops/phantom/random.h"

#define PROFILE_LOW (-260.0)
#define PROFILE_STEP 1.0
#define PROFILE_COUNT 520

typedef struct Profile {
  double value[PROFILE_COUNT], slope[PROFILE_COUNT];
} Profile; /* a function of z */

typedef struct Anatomy {
  bool female;
  double cage_x, cage_y, apex; /* half axes of the thoracic cavity, and its top */
  double fat;                  /* thickness under the skin */
  double dome[2];              /* tops of the diaphragm, right and left */
  double junction;             /* half width of the anterior junction of the lungs */
  double heart;                /* scale */
  double blood_hu, lung_hu, liver_hu;
  double rib_phase, texture[12];
  Profile cage_a, cage_b, cage_c, body_a, body_b, body_c; /* half axes in x and y, centre in y */
} Anatomy;

/* Negative inside. */
typedef struct Site {
  double body, cage, mediastinum, diaphragm, lung;
} Site;

enum { TUBE_BLOOD, TUBE_WALL, TUBE_AIR, TUBE_SOFT, TUBE_CLASSES };

typedef struct Tube { /* a tapering capsule */
  float a[3], b[3], ra, rb;
  uint8_t kind;
  bool main_airway;
} Tube;

typedef struct Tubes {
  CmContext *ctx;
  Tube *tube;
  int count, room;
} Tubes;

void cm__anatomy_make(Anatomy *anatomy, uint64_t seed, int patient, bool female, bool contrast, double breathing_mm);
void cm__anatomy_site(const Anatomy *anatomy, const double q[3], Site *site);
double cm__anatomy_lung(const Anatomy *anatomy, const double q[3]); /* Site.lung alone */
/* Unit vector along which the distance to the lung's surface falls, into the lung. */
void cm__anatomy_inward(const Anatomy *anatomy, const double q[3], double n[3]);

/* HU of the tissue at q for a voxel of width `w`, without tubes and nodules; the shares of the voxel that are lung and
 * outside of the body. */
double cm__tissue(const Anatomy *anatomy, const double q[3], double w, double *lung, double *outside);

/* Does q lie in bone, its marrow included? */
bool cm__anatomy_bone(const Anatomy *anatomy, const double q[3]);

/* Great vessels, airways, and the trees in both lungs. Free tubes->tube with cm_free(). */
bool cm__tree_make(CmContext *ctx, const Anatomy *anatomy, uint64_t seed, int patient, Tubes *tubes, CmError **err);

/* Surface of a nodule about the origin, unit: the radius of the sphere of equal volume. */
typedef struct NoduleShape {
  double bump[8][4]; /* direction and height */
  int bumps;
  double spike[20][5]; /* direction, length, thickness */
  int spikes;
  double scale;
} NoduleShape;

void cm__nodule_shape(const CmPhantomNodule *nodule, NoduleShape *shape);
double cm__nodule_radius(const NoduleShape *shape, const double n[3]); /* along the unit vector n */
bool cm__nodule_spiked(const NoduleShape *shape, const double n[3], double r, double radius_mm);
/* Diameter and centre (anatomical) at a visit. */
double cm__nodule_at(const CmPhantomNodule *nodule, int days, double centre[3]);
/* mm3 inside the lung, by a regular lattice of samples. */
double cm__nodule_volume(const Anatomy *anatomy, const CmPhantomNodule *nodule, int days);

static inline double clampd(double x, double low, double high) {
  return x < low ? low : x > high ? high : x;
}
static inline double smoothstep(double low, double high, double x) {
  const double t = clampd((x - low) / (high - low), 0, 1);
  return t * t * (3 - 2 * t);
}
/* Share of a voxel of width w behind a surface at signed distance d. */
static inline double cover(double d, double w) {
  return clampd(0.5 - d / w, 0, 1);
}

#endif
