/* cormack pixel-predict MODEL.json IMAGE LABELS: every voxel of an image labelled by a model of pixels. */
#include "cli/cli.h"
#include "cormack/pixels.h"

typedef struct PixelPredictOptions {
  CmText probabilities;
} PixelPredictOptions;

static const CmParam option_table[] = {
    CM_PARAM_TEXT(PixelPredictOptions, probabilities, "",
                  "where the probabilities go, a component for each class in rising order (f32)"),
};

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  (void)argc;
  const char *path = ((const PixelPredictOptions *)options)->probabilities.value;
  CmValue image = {0};
  CmImage *labels = NULL, *probabilities = NULL;
  CmModel *model = cm_model_load(cli->ctx, argv[0], err);
  bool good = model && cm__cli_read(cli, CM_KIND_IMAGE, argv[1], &image, err);
  if (good && !cm_pixel_predict(cli->ctx, model, image.image, &labels, *path ? &probabilities : NULL, err)) {
    cm_error_context(err, "%s", argv[1]);
    good = false;
  }
  cm_value_unref(&image);
  const CmValue first = cm_value_labels(labels), second = cm_value_image(probabilities);
  good = good && cm__cli_write(cli, &first, argv[2], err) && (!*path || cm__cli_write(cli, &second, path, err));
  cm_image_unref(&labels);
  cm_image_unref(&probabilities);
  cm_model_unref(&model);
  return good;
}

CM_COMMAND(pixel_predict) = {
    .name = "pixel-predict",
    .arguments = "MODEL IMAGE LABELS",
    .summary = "Label every voxel of an image by a model of «pixel-train».",
    .details =
        "The image must have the components of the training images, and be a plane or a volume as they were. It is "
        "filtered in blocks: beside image and result at most 256 MiB, or half of what --memory leaves, are needed, and "
        "the result is the same whatever the blocks. Example:\n"
        "  cormack pixel-predict lungs.json ct3.nii.gz lungs3.nii.gz --probabilities p.nii.gz",
    CM_COMMAND_OPTIONS(PixelPredictOptions, option_table),
    .min_args = 3,
    .max_args = 3,
    .run = run,
};
