/* The IJG codec built for samples of 8 bits. */
#define D_LOSSLESS_SUPPORTED /* as the library was built: its structures depend on it */
#include <stdio.h>

#include <gdcmjpeg/8/jerror.h>
#include <gdcmjpeg/8/jpeglib.h>

#define CODEC_JPEG cm__codec_jpeg8
#include "io/dicom/codec_jpeg_tmpl.c"
