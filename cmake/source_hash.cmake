# Writes generated/source_hash.c: one hash of all sources of the library. What a study keeps is valid only for the code that
# made it, and two builds of the same code (gcc, clang, a sanitizer) give the same bits.
# Included, it sets the rule up; run by the rule as a script (cmake -P), it has LIST, TO and ROOT.
if(CMAKE_SCRIPT_MODE_FILE)
  file(STRINGS ${LIST} sources)
  foreach(source ${sources})
    file(SHA256 ${source} hash)
    file(RELATIVE_PATH name ${ROOT} ${source})
    string(APPEND all "${hash} ${name}\n")
  endforeach()
  string(SHA256 hash "${all}")
  file(WRITE ${TO} "#include \"cormack/base.h\"\n\nconst char *cm_source_hash(void) {\n  return \"${hash}\";\n}\n")
  return()
endif()

file(GLOB_RECURSE CM_HASHED CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.c ${PROJECT_SOURCE_DIR}/src/*.h
     ${PROJECT_SOURCE_DIR}/include/*.h)
list(FILTER CM_HASHED EXCLUDE REGEX "/src/cli/")
list(SORT CM_HASHED)
list(JOIN CM_HASHED "\n" text)
set(CM_SOURCE_HASH ${CMAKE_BINARY_DIR}/generated/source_hash.c)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/hashed.txt CONTENT "${text}\n")
add_custom_command(OUTPUT ${CM_SOURCE_HASH}
                   COMMAND ${CMAKE_COMMAND} -DLIST=${CMAKE_BINARY_DIR}/generated/hashed.txt -DTO=${CM_SOURCE_HASH}
                           -DROOT=${PROJECT_SOURCE_DIR} -P ${CMAKE_CURRENT_LIST_FILE}
                   DEPENDS ${CM_HASHED} ${CMAKE_BINARY_DIR}/generated/hashed.txt VERBATIM)
