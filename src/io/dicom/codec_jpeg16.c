/* The IJG codec built for samples of 16 bits. */
#define D_LOSSLESS_SUPPORTED /* as the library was built: its structures depend on it */
#include <stdio.h>

#include <gdcmjpeg/16/jerror.h>
#include <gdcmjpeg/16/jpeglib.h>

#define CODEC_JPEG cm__codec_jpeg16
#include "io/dicom/codec_jpeg_tmpl.c"
