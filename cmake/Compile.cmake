# How everything is compiled. Sanitizers are a target of their own (pm_sanitize), because the signer
# and what it links stay free of them: vendors' modules and sanitizers do not mix.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(pm_warnings INTERFACE)
target_compile_options(pm_warnings INTERFACE
	-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
	-Wundef -Wvla $<$<BOOL:${PM_WERROR}>:-Werror>)

if(PM_HARDEN)
	include(CheckPIESupported)
	include(CheckCCompilerFlag)
	check_pie_supported()
	# What only one of the compilers knows is used where it is known.
	foreach(flag -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero)
		string(MAKE_C_IDENTIFIER "PM_HAS${flag}" known)
		check_c_compiler_flag(${flag} ${known})
		if(${known})
			add_compile_options(${flag})
		endif()
	endforeach()
	add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
	add_link_options(-Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
endif()

add_library(pm_sanitize INTERFACE)
if(PM_SANITIZE)
	target_compile_options(pm_sanitize INTERFACE
		-fsanitize=${PM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
	target_link_options(pm_sanitize INTERFACE -fsanitize=${PM_SANITIZE})
endif()
if(PM_FUZZ)
	target_compile_options(pm_sanitize INTERFACE -fsanitize=fuzzer-no-link)
endif()
