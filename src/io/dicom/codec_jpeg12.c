/* The IJG codec built for samples of 12 bits. */
#define D_LOSSLESS_SUPPORTED /* as the library was built: its structures depend on it */
#include <stdio.h>

#include <gdcmjpeg/12/jerror.h>
#include <gdcmjpeg/12/jpeglib.h>

#define CODEC_JPEG cm__codec_jpeg12
#include "io/dicom/codec_jpeg_tmpl.c"
