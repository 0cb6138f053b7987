# accord_test(NAME LABEL unit|format|fault|mpi|slow|reference SOURCES a_test.cpp ... [LINK target ...] [RANKS 1 2 4] [TIMEOUT s])
# One executable per folder of tests. Without RANKS it is one ctest entry; with RANKS one per count, under mpirun, named
# NAME.npN. Every entry has a timeout: a hang must fail.
function(accord_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LINK;RANKS;ENVIRONMENT" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name} ${arg_SOURCES})
  accord_unity(${name})
  target_link_libraries(${name} PRIVATE ${arg_LINK} accord_flags accord_test_support)
  if(arg_RANKS)
    foreach(ranks IN LISTS arg_RANKS)
      add_test(NAME ${name}.np${ranks}
        COMMAND ${MPIEXEC_EXECUTABLE} -n ${ranks} --bind-to none $<TARGET_FILE:${name}>)
      set_tests_properties(${name}.np${ranks} PROPERTIES LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT} PROCESSORS 2
        ENVIRONMENT "${ACCORD_TEST_ENVIRONMENT};${arg_ENVIRONMENT}")
    endforeach()
  elseif(arg_LABEL)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT}
      ENVIRONMENT "${ACCORD_TEST_ENVIRONMENT};${arg_ENVIRONMENT}")
  endif()
endfunction()

# accord_test_part(NAME OF executable SUITES Suite ... LABEL l [TIMEOUT s] [ENVIRONMENT ...]): some suites of an executable
# (made by accord_test without a LABEL) as a ctest entry of their own, with a label and a timeout of their own: few
# executables link fast, many entries run side by side.
function(accord_test_part name)
  cmake_parse_arguments(arg "" "OF;LABEL;TIMEOUT" "SUITES;ENVIRONMENT" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  list(TRANSFORM arg_SUITES APPEND ".*")
  list(JOIN arg_SUITES ":" filter)
  add_test(NAME ${name} COMMAND ${arg_OF} --gtest_filter=${filter})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT}
    FAIL_REGULAR_EXPRESSION "0 tests from 0 test suites ran"
    ENVIRONMENT "${ACCORD_TEST_ENVIRONMENT};${arg_ENVIRONMENT}")
endfunction()
# Root in a container, more ranks than cores, and no single-copy path: what every rank started by a test needs.
set(ACCORD_TEST_ENVIRONMENT OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
  OMPI_MCA_btl_vader_single_copy_mechanism=none OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1)

# accord_emulated_executable(NAME target): the objects of an executable once more, with the emulated device in place of
# CUDA's libraries (tests/support/cuda_emulation). Its definitions come first, so the linker takes none of those that it
# replaces.
function(accord_emulated_executable name target)
  add_executable(${name} $<TARGET_OBJECTS:${target}>)
  get_target_property(libraries ${target} LINK_LIBRARIES)
  target_link_libraries(${name} PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,accord_emulated_device> ${libraries})
endfunction()

# accord_emulated_test(NAME FROM test [SEEDS 0 1 ...] [DEVICES 1 ...]): those cases of a test whose names say cuda, on a
# machine of one emulated device, or with each of the numbers of devices given. Cases that use several streams run once
# with each seed of the streams' order. The entries of ctest are NAME[.seedN][.devicesN].
function(accord_emulated_test name from test)
  if(NOT ACCORD_HAS_CUDA)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SEEDS;DEVICES" ${ARGN})
  accord_emulated_executable(${name} ${test})
  set(seeds ${arg_SEEDS})
  set(numbers ${arg_DEVICES})
  if(NOT seeds)
    set(seeds 0)
  endif()
  if(NOT numbers)
    set(numbers 1)
  endif()
  foreach(seed IN LISTS seeds)
    foreach(devices IN LISTS numbers)
      set(entry ${name})
      if(arg_SEEDS)
        string(APPEND entry .seed${seed})
      endif()
      if(arg_DEVICES)
        string(APPEND entry .devices${devices})
      endif()
      add_test(NAME ${entry} COMMAND ${name} --gtest_filter=*cuda*:*Cuda*)
      set_tests_properties(${entry} PROPERTIES LABELS slow TIMEOUT 300
        ENVIRONMENT "${ACCORD_TEST_ENVIRONMENT};ACCORD_EMULATION_SEED=${seed};ACCORD_EMULATED_DEVICES=${devices}")
    endforeach()
  endforeach()
endfunction()
