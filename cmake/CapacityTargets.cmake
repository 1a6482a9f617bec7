# One static library per folder; what it links says exactly what it may include.

add_library(capacity_options INTERFACE)
target_include_directories(capacity_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(capacity_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers
                                                  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)  # GCC 12 warns wrongly (PR105651)
# One answer on every machine: elsewhere compilers may fuse a multiplication and an addition, which rounds once.
if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
  target_compile_options(capacity_options INTERFACE -ffp-contract=off)
endif()
if(CAPACITY_SANITIZE)
  target_compile_options(capacity_options INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer
                                                    -fno-sanitize-recover=all)
  target_link_options(capacity_options INTERFACE -fsanitize=address,undefined)
endif()
if(CAPACITY_FUZZ)
  target_compile_options(capacity_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# capacity_library(NAME DEPENDS lib...): every .cc of the current folder, less main.cc.
function(capacity_library NAME)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB SOURCES CONFIGURE_DEPENDS *.cc)
  list(FILTER SOURCES EXCLUDE REGEX "/main\\.cc$")
  if(NOT SOURCES)  # headers only
    add_library(capacity_${NAME} INTERFACE)
    target_link_libraries(capacity_${NAME} INTERFACE capacity_options ${ARG_DEPENDS})
    return()
  endif()
  add_library(capacity_${NAME} STATIC ${SOURCES})
  target_link_libraries(capacity_${NAME} PUBLIC capacity_options ${ARG_DEPENDS})
endfunction()

# capacity_test(NAME DEPENDS lib...): every *_test.cc of the current folder as one GoogleTest program.
function(capacity_test NAME)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB SOURCES CONFIGURE_DEPENDS *_test.cc)
  if(NOT SOURCES)
    return()
  endif()
  add_executable(${NAME}_test ${SOURCES})
  target_link_libraries(${NAME}_test PRIVATE capacity_options ${ARG_DEPENDS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${NAME}_test PRIVATE CAPACITY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${NAME}_test DISCOVERY_MODE PRE_TEST WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
                       PROPERTIES TIMEOUT 300)
endfunction()
