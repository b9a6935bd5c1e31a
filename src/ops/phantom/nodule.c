#include "ops/phantom/anatomy.h"

#include <string.h>

#define MEAN_STEPS 1500

/* Directions spread evenly over the sphere without trigonometry: a fixed stream of random ones is enough for a mean of
 * r^3. */
static double mean_cube(const NoduleShape *shape) {
  Rng rng = rng_stream(0x6e6f6475, 0);
  double sum = 0;
  for (int i = 0; i < MEAN_STEPS; i++) {
    double n[3];
    rng_direction(&rng, n);
    /* with its opposite, which halves the variance of the odd terms */
    double r = cm__nodule_radius(shape, n);
    sum += r * r * r;
    for (int k = 0; k < 3; k++) n[k] = -n[k];
    r = cm__nodule_radius(shape, n);
    sum += r * r * r;
  }
  return sum / (2.0 * MEAN_STEPS);
}

void cm__nodule_shape(const CmPhantomNodule *nodule, NoduleShape *shape) {
  Rng rng = rng_stream(nodule->shape, 7);
  memset(shape, 0, sizeof *shape);
  shape->bumps = nodule->margin == CM_MARGIN_LOBULATED ? 7 : 3;
  const double height = nodule->margin == CM_MARGIN_LOBULATED    ? 0.34
                        : nodule->margin == CM_MARGIN_SPICULATED ? 0.18
                                                                 : 0.07;
  for (int i = 0; i < shape->bumps; i++) {
    rng_direction(&rng, shape->bump[i]);
    shape->bump[i][3] = height * rng_range(&rng, 0.6, 1.2);
  }
  shape->spikes = nodule->margin == CM_MARGIN_SPICULATED ? 12 + (int)rng_range(&rng, 0, 8) : 0;
  for (int i = 0; i < shape->spikes; i++) {
    rng_direction(&rng, shape->spike[i]);
    shape->spike[i][3] = rng_range(&rng, 1.35, 2.0);
    shape->spike[i][4] = rng_range(&rng, 0.09, 0.16);
  }
  shape->scale = 1;
  shape->scale = 1 / rng_cbrt(mean_cube(shape));
}

double cm__nodule_radius(const NoduleShape *shape, const double n[3]) {
  double r = 1;
  for (int i = 0; i < shape->bumps; i++) {
    const double c = n[0] * shape->bump[i][0] + n[1] * shape->bump[i][1] + n[2] * shape->bump[i][2];
    if (c > 0) r += shape->bump[i][3] * c * c * c * c;
  }
  return r * shape->scale;
}

/* Cones that thin out from the surface; r: distance from the centre in mm, n its direction. */
bool cm__nodule_spiked(const NoduleShape *shape, const double n[3], double r, double radius_mm) {
  for (int i = 0; i < shape->spikes; i++) {
    const double *s = shape->spike[i], length = s[3] * radius_mm;
    if (r > length) continue;
    const double c = n[0] * s[0] + n[1] * s[1] + n[2] * s[2];
    if (c < 0.7) continue;
    const double across = r * sqrt(fmax(0, 1 - c * c));
    if (across < s[4] * radius_mm * (1.35 - r / length)) return true;
  }
  return false;
}

double cm__nodule_at(const CmPhantomNodule *nodule, int days, double centre[3]) {
  const double growth = nodule->doubling_days > 0 ? rng_exp2(days / (3 * nodule->doubling_days)) : 1;
  const double diameter = nodule->diameter_mm * growth;
  /* what grows at the wall grows into the lung */
  for (int k = 0; k < 3; k++) centre[k] = nodule->anchor_mm[k] + nodule->inward[k] * 0.33 * diameter;
  return diameter;
}

double cm__nodule_volume(const Anatomy *a, const CmPhantomNodule *nodule, int days) {
  double c[3];
  const double radius = 0.5 * cm__nodule_at(nodule, days, c);
  if (nodule->place != CM_PLACE_WALL) return 4.0 / 3.0 * 3.14159265358979323846 * radius * radius * radius;
  NoduleShape shape;
  cm__nodule_shape(nodule, &shape);
  const int steps = 44;
  const double reach = 1.6 * radius, h = 2 * reach / steps;
  int64_t inside = 0;
  for (int z = 0; z < steps; z++)
    for (int y = 0; y < steps; y++)
      for (int x = 0; x < steps; x++) {
        double n[3] = {-reach + (x + 0.5) * h, -reach + (y + 0.5) * h, -reach + (z + 0.5) * h};
        const double q[3] = {c[0] + n[0], c[1] + n[1], c[2] + n[2]};
        const double r = sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
        if (r > reach) continue;
        for (int k = 0; k < 3; k++) n[k] /= r + 1e-12;
        if (r <= radius * cm__nodule_radius(&shape, n) && cm__anatomy_lung(a, q) < 0) inside++;
      }
  return (double)inside * h * h * h;
}
