# What `cmake --install` puts where: programs, the client library with everything that a program
# needs to build against it, the public protocol, a sample configuration and a systemd unit.
include(CMakePackageConfigHelpers)

set(PM_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/peppermint)
set(PM_DATA_DIR ${CMAKE_INSTALL_DATADIR}/peppermint)

if(TARGET peppermintd)
	install(TARGETS peppermintd RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
endif()
if(TARGET peppermint-signer)
	install(TARGETS peppermint-signer
		RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/peppermint)
endif()
if(TARGET peppermint-cli)
	install(TARGETS peppermint-cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

if(TARGET peppermint)
	install(TARGETS peppermint EXPORT peppermint
		LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
		INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
	install(EXPORT peppermint NAMESPACE peppermint:: DESTINATION ${PM_PACKAGE_DIR}
		FILE peppermintTargets.cmake)
	configure_package_config_file(cmake/peppermintConfig.cmake.in
		${CMAKE_CURRENT_BINARY_DIR}/peppermintConfig.cmake
		INSTALL_DESTINATION ${PM_PACKAGE_DIR})
	write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/peppermintConfigVersion.cmake
		COMPATIBILITY SameMinorVersion)
	install(FILES ${CMAKE_CURRENT_BINARY_DIR}/peppermintConfig.cmake
		${CMAKE_CURRENT_BINARY_DIR}/peppermintConfigVersion.cmake
		DESTINATION ${PM_PACKAGE_DIR})
	file(RELATIVE_PATH PM_PC_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
		${CMAKE_INSTALL_PREFIX})
	configure_file(cmake/peppermint.pc.in peppermint.pc @ONLY)
	install(FILES ${CMAKE_CURRENT_BINARY_DIR}/peppermint.pc
		DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()

install(DIRECTORY include/peppermint DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
	FILES_MATCHING PATTERN *.h)
install(FILES proto/peppermint/v1/vault.proto
	DESTINATION ${PM_DATA_DIR}/proto/peppermint/v1)
install(FILES deploy/peppermint.conf deploy/runbook-audit.md
	DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(PROGRAMS deploy/audit-verify-leaf DESTINATION ${PM_DATA_DIR})
configure_file(deploy/systemd/peppermintd.service.in peppermintd.service @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/peppermintd.service DESTINATION lib/systemd/system)
