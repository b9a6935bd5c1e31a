# Every library that Cormack links. The package names stand in tools/packages/debian.txt.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(PKG REQUIRED jansson yaml-0.1 libsodium sqlite3 zlib libpng libjpeg libtiff-4 libopenjp2)

set(CM_LIBRARIES ${PKG_LINK_LIBRARIES} Threads::Threads m dl)
set(CM_INCLUDES ${PKG_INCLUDE_DIRS})

# name of the library, a header of it
function(cm_require library header)
  find_library(LIB_${library} ${library} REQUIRED)
  find_path(INC_${library} ${header} REQUIRED PATH_SUFFIXES gdcm-3.0)
  set(CM_LIBRARIES ${CM_LIBRARIES} ${LIB_${library}} PARENT_SCOPE)
  set(CM_INCLUDES ${CM_INCLUDES} ${INC_${library}} PARENT_SCOPE)
endfunction()

cm_require(deflate libdeflate.h)
# headers alone: nothing of libnifti2 is linked
find_path(INC_nifti2 nifti1.h REQUIRED PATH_SUFFIXES nifti)
list(APPEND CM_INCLUDES ${INC_nifti2})
cm_require(linear linear.h)
cm_require(gdcmjpeg8 gdcmjpeg/8/jpeglib.h)
cm_require(gdcmjpeg12 gdcmjpeg/12/jpeglib.h)
cm_require(gdcmjpeg16 gdcmjpeg/16/jpeglib.h)
list(REMOVE_DUPLICATES CM_INCLUDES)
