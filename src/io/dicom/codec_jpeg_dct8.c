/* libjpeg-turbo, for what it does: DCT processes of 8 bits. Its accurate integer IDCT gives the same bits as the IJG's,
 * faster. */
#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>

#define CODEC_JPEG cm__codec_jpeg_dct8
#include "io/dicom/codec_jpeg_tmpl.c"
