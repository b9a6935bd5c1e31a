#include "ops/edge/find.h"

static const CmParam params[] = {
    CM_PARAM_ENUM(CmFindEdges, operator, "sobel|prewitt|scharr|roberts", "sobel", "how slopes are measured"),
    CM_PARAM_BOOL(CmFindEdges, thin, "true",
                  "keep only the largest slopes along the steepest way: edges one voxel wide"),
    CM_FIND_EDGES_PARAMS(CmFindEdges, "0"),
};

static bool run(const CmCall *call, CmError **err) {
  return cm__find_edges(call, call->params, err);
}

CM_OP(edges) = {
    .name = "edges",
    .family = "edge",
    .since = "0.2",
    .summary = "Edges by an operator of your choice, thinned and followed from strong to weak, in 2D and 3D.",
    .details =
        "As `canny`, with the slopes of `sobel`, `prewitt`, `scharr` (weights=unit) or `roberts`, and smoothed only "
        "where sigma is not 0. thin=false leaves the edges as wide as the slopes are: the connected pieces (by corners "
        "too) of magnitude >= lower that hold one >= upper. Roberts' slopes are per voxel and lie half a voxel up each "
        "axis; their way is that of the sums of the differences across both diagonals. Percentiles are those of the "
        "magnitude inside the mask. Beyond the border the magnitude is 0. Border: replicate aaa|abcd|ddd, reflect "
        "cba|abcd|dcb, mirror dcb|abcd|cba, wrap bcd|abcd|abc, constant kkk|abcd|kkk, for the smoothing and again for "
        "the slopes. Mask: outside is no edge and connects nothing; neighbourhoods inside still see what is there. "
        "NaN: no edge where a kernel holds it. Two reals per voxel are allocated beside the result.",
    CM_OP_PARAMS(CmFindEdges, params),
    CM_FIND_EDGES_FIELDS,
    .cite =
        "Canny J. A computational approach to edge detection. IEEE TPAMI 8(6), 1986; the operators: see `sobel`, "
        "`prewitt`, `scharr`, `roberts`",
    .examples =
        "cormack edges xray.png edges.png --operator scharr --lower 85 --upper 97\n"
        "cormack edges ct.nii.gz edges.nii.gz --operator prewitt --sigma 1 --thresholds value --lower 20 --upper 60",
    .run = run,
};
