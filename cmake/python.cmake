# What the Python wheel carries (python/pyproject.toml builds it with scikit-build-core): the library under its plain name,
# since wheels hold no links, and the stubs that are made from the library's registry.
if(SKBUILD)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set_property(TARGET cormack_shared PROPERTY VERSION)
  set_property(TARGET cormack_shared PROPERTY SOVERSION)
  set(script ${PROJECT_SOURCE_DIR}/python/cormack/_stubs.py)
  set(stubs ${CMAKE_BINARY_DIR}/generated/ops.pyi)
  add_custom_command(OUTPUT ${stubs} COMMAND ${Python3_EXECUTABLE} ${script} $<TARGET_FILE:cormack_shared> ${stubs}
                     DEPENDS cormack_shared ${script} ${PROJECT_SOURCE_DIR}/python/cormack/_describe.py)
  add_custom_target(python_stubs DEPENDS ${stubs})
  install(TARGETS cormack_shared LIBRARY DESTINATION cormack COMPONENT python)
  install(FILES ${stubs} DESTINATION cormack COMPONENT python)
endif()
