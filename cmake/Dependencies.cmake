# What the project is built on. A missing package fails with the name to install it by.

macro(capacity_require PACKAGE APT BREW)
  find_package(${PACKAGE} QUIET ${ARGN})
  if(NOT ${PACKAGE}_FOUND)
    message(FATAL_ERROR "${PACKAGE} not found: apt install ${APT}, or brew install ${BREW} (or: ./run does it)")
  endif()
endmacro()

capacity_require(absl libabsl-dev abseil)
capacity_require(yaml-cpp libyaml-cpp-dev yaml-cpp)
if(NOT TARGET yaml-cpp::yaml-cpp)
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()
capacity_require(nlohmann_json nlohmann-json3-dev nlohmann-json)
capacity_require(CLI11 libcli11-dev cli11)
capacity_require(CURL libcurl4-openssl-dev curl)
capacity_require(Ceres libceres-dev ceres-solver)
capacity_require(Eigen3 libeigen3-dev eigen NO_MODULE)
find_package(Threads REQUIRED)
capacity_require(OpenSSL libssl-dev openssl@3)
capacity_require(SQLite3 libsqlite3-dev sqlite)
if(NOT TARGET SQLite3::SQLite3)
  add_library(SQLite3::SQLite3 ALIAS SQLite::SQLite3)
endif()
# Before gRPC, whose own search finds no CMake package of Debian 12's Protobuf.
find_package(Protobuf CONFIG QUIET)
if(NOT Protobuf_FOUND)
  capacity_require(Protobuf "libprotobuf-dev protobuf-compiler" protobuf MODULE)
endif()
capacity_require(gRPC "libgrpc++-dev protobuf-compiler-grpc" grpc CONFIG)
capacity_require(prometheus-cpp prometheus-cpp-dev prometheus-cpp CONFIG)
# CBC ships a pkg-config file and no CMake package.
find_package(PkgConfig QUIET)
if(NOT PkgConfig_FOUND)
  message(FATAL_ERROR "pkg-config not found: apt install pkg-config, or brew install pkgconf")
endif()
pkg_check_modules(CBC QUIET IMPORTED_TARGET cbc)
if(NOT CBC_FOUND)
  message(FATAL_ERROR "CBC not found: apt install coinor-libcbc-dev, or brew install cbc")
endif()

# Multicast DNS where there is a header for it: part of macOS, an Avahi package on Debian.
capacity_require(Eigen3 libeigen3-dev eigen NO_MODULE)
find_package(Threads REQUIRED)
find_path(DNS_SD_INCLUDE_DIR dns_sd.h)
find_library(DNS_SD_LIBRARY dns_sd)
if(DNS_SD_INCLUDE_DIR AND (DNS_SD_LIBRARY OR APPLE))
  add_library(DnsSd::DnsSd INTERFACE IMPORTED)
  set_target_properties(DnsSd::DnsSd PROPERTIES INTERFACE_INCLUDE_DIRECTORIES ${DNS_SD_INCLUDE_DIR}
                                                INTERFACE_COMPILE_DEFINITIONS CAPACITY_HAVE_DNS_SD)
  if(NOT APPLE)
    set_property(TARGET DnsSd::DnsSd PROPERTY INTERFACE_LINK_LIBRARIES ${DNS_SD_LIBRARY})
  endif()
endif()

# A second solver where it is installed; not in Debian 12. Found by hand: the CMake and pkg-config
# files of Debian 13's libhighs-dev 1.10.0 name a directory of its package build.
find_path(HIGHS_INCLUDE_DIR interfaces/highs_c_api.h PATH_SUFFIXES highs)
find_library(HIGHS_LIBRARY highs)
if(HIGHS_INCLUDE_DIR AND HIGHS_LIBRARY)
  add_library(HiGHS::HiGHS UNKNOWN IMPORTED)
  set_target_properties(HiGHS::HiGHS PROPERTIES IMPORTED_LOCATION ${HIGHS_LIBRARY}
                                                INTERFACE_INCLUDE_DIRECTORIES ${HIGHS_INCLUDE_DIR}
                                                INTERFACE_COMPILE_DEFINITIONS CAPACITY_HAVE_HIGHS)
endif()

if(BUILD_TESTING OR NOT DEFINED BUILD_TESTING)
  capacity_require(GTest "libgtest-dev libgmock-dev" googletest)
  include(GoogleTest)
endif()
if(CAPACITY_BENCHMARKS)
  capacity_require(benchmark libbenchmark-dev google-benchmark)
endif()
