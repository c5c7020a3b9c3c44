/*
 * Linkers' names as people write them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_DEMANGLE_H
#define EXPORTER_DEMANGLE_H

/*
 * The name of the source's function: C++ and Rust names are demangled, with the
 * parameters (overloads stay apart) and without the return type; std::string is
 * called so. The marks that compilers and linkers add to the parts and copies of a
 * function (".cold", ".isra.0", "@@GLIBC_2.2") are taken off. To be released with
 * free(); NULL when out of memory.
 */
char *demangle_name(const char *linkage_name);

#endif
