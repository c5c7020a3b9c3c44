/*
 * Finding the file of a module: on this machine, below a sysroot, in the
 * process's container, through /proc when it was deleted, or by build id among
 * the debug files and from debuginfod. A file with another build id is never
 * taken.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPORTER_SYMBOL_FILE_H
#define EXPORTER_SYMBOL_FILE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <sys/types.h>

#include "sampler/snapshot.h"

/* Where to look for the files of one snapshot. */
struct symbol_file_places {
	const struct snapshot *snapshot;
	char *sysroot;	  /* absolute, or NULL */
	bool is_local;	  /* the process was started on this machine, since its boot */
	pid_t pid;	  /* the live process, or 0 */
	int sysroot_fd;	  /* -1: none */
	int root_fd;	  /* of the live process, or -1 */
	char *debug_path; /* where separate debug files are, as libdwfl has it */
	Dwfl_Callbacks callbacks;
};

/* It points into itself, so it must not move, and to the snapshot. A sysroot that
 * is not there (or NULL) is none. 0 or -ENOMEM. */
int symbol_file_places_init(struct symbol_file_places *places, const struct snapshot *snapshot,
			    const char *sysroot);
void symbol_file_places_fini(struct symbol_file_places *places);

struct symbol_file {
	Dwfl *dwfl;	     /* NULL: no file was found */
	Dwfl_Module *module; /* addresses in it are ELF addresses: the bias is 0 */
	bool is_replaced;    /* a file was there, but it is another one */
	int error;	     /* 0, or why the file at the module's own path cannot be read */
};

/* To be released with symbol_file_close(), whatever was found. */
void symbol_file_open(struct symbol_file_places *places, const struct snapshot_module *module,
		      struct symbol_file *file);
void symbol_file_close(struct symbol_file *file);

/*
 * Lets go of the pages that were read; they come back when they are needed. Not
 * after DWARF was read: where sections are compressed, libdw writes into its copy
 * of the section headers, which would be lost.
 */
void symbol_file_trim(const struct symbol_file *file);

#endif
