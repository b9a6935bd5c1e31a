/* sRGB to CIELAB, from basic operations only: the same bits on every machine. */
#ifndef CM_OPS_SEGMENT_LAB_H
#define CM_OPS_SEGMENT_LAB_H

/* rgb: 0..1, sRGB's transfer curve (IEC 61966-2-1). lab: L 0..100, a and b, for the white of D65 at 2 degrees. */
void cm__lab_from_srgb(const double rgb[3], double lab[3]);

#endif
