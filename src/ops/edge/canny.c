#include "ops/edge/find.h"

static const CmParam params[] = {CM_FIND_EDGES_PARAMS(CmFindEdges, "1")};

static bool run(const CmCall *call, CmError **err) {
  CmFindEdges find = *(const CmFindEdges *)call->params;
  find.operator= CM_EDGE_SOBEL;
  find.thin = true;
  return cm__find_edges(call, &find, err);
}

CM_OP(canny) = {
    .name = "canny",
    .family = "edge",
    .since = "0.1",
    .summary = "Thin, connected edges by Canny's method, in 2D and 3D.",
    .details =
        "The image is smoothed with the Gaussian of `gaussian`; slopes are those of `sobel` with weights=unit. A voxel "
        "stays if its "
        "magnitude is not below those one step to both sides along the steepest way, which changes the steepest axis "
        "by one voxel; there "
        "the magnitude is interpolated linearly between the voxels around. Beyond the border it is 0. Of what stays, "
        "edges are the "
        "connected pieces (by corners too) of magnitude >= lower that hold one >= upper; percentiles are those of the "
        "magnitude inside "
        "the mask. Magnitudes are per mm and the steepest way is one in space, unless per=voxel. "
        "Border: replicate aaa|abcd|ddd, reflect cba|abcd|dcb, mirror dcb|abcd|cba, wrap bcd|abcd|abc, constant "
        "kkk|abcd|kkk, for the "
        "smoothing and again for the slopes. Mask: outside is no edge and connects nothing; neighbourhoods inside "
        "still see what is there. "
        "NaN: no edge where a kernel holds it. Two reals per voxel are allocated beside the result, in planes with "
        "thresholds=value one.",
    CM_OP_PARAMS(CmFindEdges, params),
    CM_FIND_EDGES_FIELDS,
    .cite = "Canny J. A computational approach to edge detection. IEEE TPAMI 8(6), 1986",
    .examples =
        "cormack canny ct.nii.gz edges.nii.gz --sigma 1.5\n"
        "cormack canny xray.png edges.png --sigma 3 --units voxel --per voxel --thresholds value --lower 2 --upper 6",
    .run = run,
};
