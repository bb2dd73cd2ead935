# pm_layer(NAME SOURCES a.c b.c [LINK libs...] [ALSO_PLAIN])
#
# A layer of src/: a static library pm_NAME that exposes only its own include/ folder and links
# PRIVATE, so that an include across a forbidden edge does not compile. Headers of a layer use only
# base and tlog beside their own types, so whoever may use a layer links pm_base and pm_tlog too.
# ALSO_PLAIN makes pm_NAME_plain as well, without sanitizers, for the signer.
function(pm_layer NAME)
	cmake_parse_arguments(PARSE_ARGV 1 LAYER "ALSO_PLAIN" "" "SOURCES;LINK")
	set(variants pm_${NAME})
	if(LAYER_ALSO_PLAIN)
		list(APPEND variants pm_${NAME}_plain)
	endif()
	foreach(target IN LISTS variants)
		add_library(${target} STATIC ${LAYER_SOURCES})
		target_include_directories(${target} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
		target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
		set(links ${LAYER_LINK})
		if(target MATCHES "_plain$")
			list(TRANSFORM links APPEND _plain REGEX "^pm_")
		else()
			target_link_libraries(${target} PRIVATE pm_sanitize)
		endif()
		target_link_libraries(${target} PRIVATE pm_warnings ${links})
	endforeach()
endfunction()
