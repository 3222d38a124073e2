# Arrow C++ from the unpacked pyarrow wheel (tools/install_dependencies.sh): imported targets
# Arrow::arrow, Arrow::compute, Arrow::parquet, Arrow::s3. The wheel has no symlinks and no CMake package, so each
# library is named in full.
set(MILLRACE_ARROW_DIR "${CMAKE_SOURCE_DIR}/.deps/arrow-26.0.1" CACHE PATH "unpacked Arrow C++")
if(NOT EXISTS "${MILLRACE_ARROW_DIR}/complete")
  message(FATAL_ERROR "Arrow C++ is not at ${MILLRACE_ARROW_DIR}. Run tools/install_dependencies.sh first.")
endif()

function(millrace_arrow_target name file)
  file(GLOB path "${MILLRACE_ARROW_DIR}/lib/${file}.so.*")
  get_filename_component(soname "${path}" NAME)
  add_library(Arrow::${name} SHARED IMPORTED GLOBAL)
  set_target_properties(Arrow::${name} PROPERTIES
    IMPORTED_LOCATION "${path}"
    IMPORTED_SONAME "${soname}"
    INTERFACE_INCLUDE_DIRECTORIES "${MILLRACE_ARROW_DIR}/include"
    INTERFACE_LINK_LIBRARIES "${ARGN}")
endfunction()

millrace_arrow_target(arrow libarrow)
millrace_arrow_target(compute libarrow_compute Arrow::arrow)
millrace_arrow_target(parquet libparquet Arrow::arrow)
millrace_arrow_target(s3 libarrow_s3 Arrow::arrow)
