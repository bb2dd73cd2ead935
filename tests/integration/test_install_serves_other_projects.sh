#!/bin/bash
# What `cmake --install` lays down is enough to build and run somebody else's program: by pkg-config,
# by CMake's find_package, and by the .proto alone.
. "$(dirname "$0")/lib.sh"
prefix=$story_dir/prefix
cmake --install "$PEPPERMINT_BUILD" --prefix "$prefix" >"$story_dir/install.log"

tell "programs, library, headers, protocol and descriptions are in their places"
for path in sbin/peppermintd libexec/peppermint/peppermint-signer bin/peppermint \
	include/peppermint/client.h include/peppermint/error.h \
	share/peppermint/proto/peppermint/v1/vault.proto; do
	[ -e "$prefix/$path" ] || fail "$path is not installed"
done
[ ! -e "$prefix/share/peppermint/proto/peppermint/v1/signer.proto" ] || fail "signer.proto is private"
library=$(find "$prefix" -name 'libpeppermint.so')
libdir=$(dirname "$library")
export PKG_CONFIG_PATH=$libdir/pkgconfig LD_LIBRARY_PATH=$libdir

tell "the library exports peppermint_* and nothing else, under a versioned name"
output=$(nm -D --defined-only "$library" | awk '{ print $3 }')
[ "$(grep -c '^peppermint_' <<<"$output")" -gt 10 ]
! grep -v '^peppermint_' <<<"$output" || fail "it exports more"
output=$(objdump -p "$library" | grep SONAME)
[[ $output =~ libpeppermint\.so\.[0-9]+$ ]] || fail "soname: $output"

tell "programs are position-independent, fully RELRO, and their stack is not executable"
for program in sbin/peppermintd libexec/peppermint/peppermint-signer bin/peppermint; do
	output=$(readelf -hldW "$prefix/$program")
	says 'DYN (Position-Independent Executable file)' GNU_RELRO BIND_NOW 'GNU_STACK'
	! grep 'GNU_STACK' <<<"$output" | grep -q E || fail "$program: executable stack"
done

start_vault
mint live

tell "a program built by pkg-config runs"
example=$source_dir/examples/verify.c
gcc -Wall -Werror "$example" -o "$story_dir/by-pkg-config" $(pkg-config --cflags --libs peppermint)
echo "$key" | "$story_dir/by-pkg-config" live

tell "a program built by find_package runs"
mkdir "$story_dir/project"
cat >"$story_dir/project/CMakeLists.txt" <<-END
	cmake_minimum_required(VERSION 3.25)
	project(other C)
	find_package(peppermint $(pkg-config --modversion peppermint) REQUIRED)
	add_executable(by-cmake $example)
	target_link_libraries(by-cmake peppermint::peppermint)
END
cmake -G Ninja -S "$story_dir/project" -B "$story_dir/project/build" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$story_dir/project/build" >/dev/null
echo "$key" | "$story_dir/project/build/by-cmake" live

tell "the installed .proto is the protocol"
output=$(protoc --proto_path="$(pkg-config --variable=protodir peppermint)" \
	--encode=peppermint.v1.Request peppermint/v1/vault.proto <<<'version: 1 status { }' | od -An -tx1 | tr -d ' \n')
[ "$output" = 0801820100 ]
