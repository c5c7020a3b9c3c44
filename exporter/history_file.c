/*
 * A series is what one set of labels names, and has profiles; a row of the timeline
 * says how a process did when the profile of that series and time was taken. A
 * process may change its series: the one that died badly ends in another.
 * process.series is the latest. Times are real time in ns. A change here needs
 * another version.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exporter/history_file.h"

const struct database_kind history_file_kind = {
	.application_id = 0x68747068,
	.version = 1,
	.schema = "CREATE TABLE series ("
		  "  id INTEGER PRIMARY KEY,"
		  "  labels TEXT NOT NULL UNIQUE,"
		  "  service TEXT NOT NULL);"
		  "CREATE TABLE process ("
		  "  id INTEGER PRIMARY KEY,"
		  "  segment TEXT NOT NULL UNIQUE,"
		  "  series INTEGER NOT NULL,"
		  "  pid INTEGER NOT NULL,"
		  "  command TEXT NOT NULL,"
		  "  end INTEGER NOT NULL," /* enum process_end */
		  "  first_ns INTEGER NOT NULL,"
		  "  last_ns INTEGER NOT NULL);"
		  "CREATE INDEX process_by_time ON process (last_ns);"
		  "CREATE TABLE profile ("
		  "  id INTEGER PRIMARY KEY,"
		  "  series INTEGER NOT NULL,"
		  "  tier INTEGER NOT NULL,"
		  "  from_ns INTEGER NOT NULL,"
		  "  time_ns INTEGER NOT NULL,"
		  "  pprof BLOB NOT NULL,"
		  "  UNIQUE (series, time_ns));"
		  "CREATE INDEX profile_by_tier ON profile (tier, time_ns, series);"
		  "CREATE INDEX profile_by_time ON profile (time_ns);"
		  "CREATE TABLE timeline (" /* struct process_figures */
		  "  series INTEGER NOT NULL,"
		  "  time_ns INTEGER NOT NULL,"
		  "  process INTEGER NOT NULL,"
		  "  interval_ns INTEGER NOT NULL,"
		  "  live_bytes INTEGER NOT NULL,"
		  "  live_objects INTEGER NOT NULL,"
		  "  peak_bytes INTEGER NOT NULL,"
		  "  allocated_bytes INTEGER NOT NULL,"
		  "  fresh_bytes INTEGER NOT NULL,"
		  "  samples INTEGER NOT NULL,"
		  "  drops INTEGER NOT NULL,"
		  "  sampling_interval INTEGER NOT NULL,"
		  "  own_cpu_ns INTEGER NOT NULL,"
		  "  own_bytes INTEGER NOT NULL,"
		  "  rss_bytes INTEGER NOT NULL,"
		  "  pss_bytes INTEGER NOT NULL,"
		  "  swap_bytes INTEGER NOT NULL,"
		  "  PRIMARY KEY (series, time_ns, process)) WITHOUT ROWID;"
		  "CREATE INDEX timeline_by_process ON timeline (process, time_ns);",
};
