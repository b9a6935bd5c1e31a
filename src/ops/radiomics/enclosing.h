/* The smallest box and ellipsoid around the corners of a convex hull. */
#ifndef CM_OPS_RADIOMICS_ENCLOSING_H
#define CM_OPS_RADIOMICS_ENCLOSING_H

#include "ops/hull.h"

/* Sides of the box of least volume among those that lie against a face of the hull, in units of scale; NaN where the
 * hull has no faces. The least box of all touches in edges alone and may be slightly smaller (O'Rourke J. Finding
 * minimal enclosing boxes. Int J Comput Inf Sci 14(3), 1985). */
bool cm__smallest_box(const CmHull3 *hull, const double scale[3], double side[3], CmError **err);

/* Half axes of the ellipsoid of least volume, largest first. Khachiyan LG. Rounding of polytopes in the real number
 * model of computation. Math Oper Res 21(2), 1996, with the away steps of Todd MJ, Yildirim EA. Discrete Appl Math
 * 155(13), 2007, until no corner is further out than 1e-7. */
bool cm__smallest_ellipsoid(const CmHull3 *hull, const double scale[3], double half[3], CmError **err);

#endif
