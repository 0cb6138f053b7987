# accord_unity(target): compiles the sources of a target folder by folder, up to eight at a time as one (jumbo) source: what a
# header costs is then paid once for all of them, and a cold build takes a third of the time. Names in anonymous namespaces
# are therefore each used once in a folder. Left alone: sources with options of their own, and core/ops/cpu, whose bits
# must not depend on what the compiler sees beside them. Switched off (ACCORD_UNITY=OFF, the debug preset) where one works on
# a few files over and over, and for clang-tidy.
option(ACCORD_UNITY "Compile up to eight sources of a folder as one" ON)

function(accord_unity target)
  if(NOT ACCORD_UNITY)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  get_target_property(home ${target} SOURCE_DIR)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # g++ takes an included source for a header, whose anonymous types would differ between sources.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-subobject-linkage>)
  set(folders "")
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${home} NORMALIZE)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE name)
    if(NOT name MATCHES "\\.cpp$" OR name MATCHES "^core/ops/cpu/")
      continue()
    endif()
    get_filename_component(folder ${name} DIRECTORY)
    list(FIND folders "${folder}" known)
    if(known LESS 0)
      list(APPEND folders "${folder}")
      set(count_${folder} 0)
    endif()
    math(EXPR batch "${count_${folder}} / 8")
    math(EXPR count_${folder} "${count_${folder}} + 1")
    string(MAKE_C_IDENTIFIER "${folder}_${batch}" group)
    set_source_files_properties(${source} DIRECTORY ${home} PROPERTIES UNITY_GROUP ${group})
  endforeach()
endfunction()
