/* The IJG codec built for samples of 8 bits. */
#include <stdio.h>

#include <gdcmjpeg/8/jpeglib.h>
#include <gdcmjpeg/8/jerror.h>

#define CODEC_JPEG cm__codec_jpeg8
#include "io/dicom/codec_jpeg_tmpl.c"
