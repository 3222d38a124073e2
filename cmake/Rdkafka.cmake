# librdkafka as target Rdkafka: the library of the confluent-kafka wheel (tools/install_dependencies.sh), by
# Debian's headers, of which it is a superset. Debian 12's own, 2.0.2, cannot log in by SCRAM at brokers from
# 4.0 on (mended in 2.6.1); it is taken where MILLRACE_RDKAFKA is "system" or the wheel is not there.
set(MILLRACE_RDKAFKA "${CMAKE_SOURCE_DIR}/.deps/confluent-kafka-2.16.1/confluent_kafka.libs" CACHE STRING
    "folder of librdkafka, or: system")
pkg_check_modules(SYSTEM_RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)
file(GLOB rdkafka_library "${MILLRACE_RDKAFKA}/librdkafka*.so.1")
if(rdkafka_library)
  get_filename_component(rdkafka_soname "${rdkafka_library}" NAME)
  add_library(Rdkafka SHARED IMPORTED GLOBAL)
  set_target_properties(Rdkafka PROPERTIES IMPORTED_LOCATION "${rdkafka_library}"
                        IMPORTED_SONAME "${rdkafka_soname}")
else()
  message(STATUS "librdkafka is the system's: ${SYSTEM_RDKAFKA_VERSION}")
  add_library(Rdkafka ALIAS PkgConfig::SYSTEM_RDKAFKA)
endif()
