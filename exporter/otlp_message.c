/*
 * Element 0 of every table is its zero value, as the protocol demands, so
 * everything of ours is one further than in the profile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE
#include "exporter/otlp_message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exporter/metric.h"
#include "exporter/pprof_read.h"
#include "exporter/profile_sum.h"
#include "exporter/string_table.h"
#include "otlp.pb-c.h"

#define ID_SIZE 16

/* service.name, three of the SDK, host, pid, and the labels. */
#define RESOURCE_MAX (LABELS_MAX + 6)

/* The first attribute says that frames are native; those of mappings follow. */
#define FRAME_TYPE_ATTRIBUTE 1

/* Memory that is released all at once. */
struct block {
	struct block *next;
};

struct encoder {
	const struct job *job;
	const struct profile *profile;
	const char *period_type;
	int status;
	struct block *blocks;
	struct string_table strings;
	int32_t *stack_indices; /* by sample; 0: not in the table */
	Otlp__Dictionary dictionary;
};

static void *take(struct encoder *encoder, size_t count, size_t size)
{
	struct block *const block = calloc(1, sizeof(*block) + (count + 1) * size);

	if (!block) {
		encoder->status = -ENOMEM;
		return NULL;
	}
	block->next = encoder->blocks;
	encoder->blocks = block;
	return block + 1;
}

static int32_t add_string(struct encoder *encoder, const char *text)
{
	uint32_t index = 0;

	if (string_table_add(&encoder->strings, text, &index) != 0)
		encoder->status = -ENOMEM;
	return (int32_t)index;
}

/* `count` messages of a type, each set up by `init`, and the pointers to them. */
#define TAKE_MESSAGES(encoder, count, type, INIT, pointers)                         \
	do {                                                                        \
		type *const all_ = take(encoder, count, sizeof(type));              \
		(pointers) = take(encoder, count, sizeof(type *));                  \
		for (size_t i_ = 0; (encoder)->status == 0 && i_ < (count); i_++) { \
			all_[i_] = (type)INIT;                                      \
			(pointers)[i_] = &all_[i_];                                 \
		}                                                                   \
	} while (0)

/* ---- the dictionary ---- */

static void set_string_attribute(struct encoder *encoder, Otlp__Attribute *attribute,
				 const char *key, const char *value)
{
	Otlp__AnyValue *const any = take(encoder, 1, sizeof(*any));

	if (encoder->status < 0)
		return;
	*any = (Otlp__AnyValue)OTLP__ANY_VALUE__INIT;
	any->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	any->string_value = (char *)value;
	attribute->key_index = add_string(encoder, key);
	attribute->value = any;
}

/* One attribute per mapping; where there is no build id it is not referred to. */
static void add_mappings(struct encoder *encoder)
{
	const struct profile *const profile = encoder->profile;
	const size_t count = profile->mapping_count;
	Otlp__Dictionary *const to = &encoder->dictionary;

	TAKE_MESSAGES(encoder, count + 1, Otlp__Mapping, OTLP__MAPPING__INIT, to->mapping_table);
	TAKE_MESSAGES(encoder, count + 2, Otlp__Attribute, OTLP__ATTRIBUTE__INIT,
		      to->attribute_table);
	if (encoder->status < 0)
		return;
	to->n_mapping_table = count + 1;
	to->n_attribute_table = count + 2;
	set_string_attribute(encoder, to->attribute_table[FRAME_TYPE_ATTRIBUTE],
			     "profile.frame.type", "native");
	for (size_t i = 0; i < count && encoder->status == 0; i++) {
		Otlp__Mapping *const mapping = to->mapping_table[i + 1];
		int32_t *const index = take(encoder, 1, sizeof(*index));

		mapping->memory_limit = UINT64_MAX;
		mapping->filename_index = add_string(encoder, profile->mappings[i].path);
		set_string_attribute(encoder, to->attribute_table[i + 2],
				     "process.executable.build_id.gnu",
				     profile->mappings[i].build_id);
		if (encoder->status < 0 || *profile->mappings[i].build_id == '\0')
			continue;
		*index = (int32_t)i + 2;
		mapping->attribute_indices = index;
		mapping->n_attribute_indices = 1;
	}
}

static void add_functions(struct encoder *encoder)
{
	const struct profile *const profile = encoder->profile;
	Otlp__Dictionary *const to = &encoder->dictionary;

	TAKE_MESSAGES(encoder, profile->function_count + 1, Otlp__Function, OTLP__FUNCTION__INIT,
		      to->function_table);
	if (encoder->status < 0)
		return;
	to->n_function_table = profile->function_count + 1;
	for (size_t i = 0; i < profile->function_count; i++) {
		const struct profile_function *const from = &profile->functions[i];
		Otlp__Function *const function = to->function_table[i + 1];

		function->name_index = add_string(encoder, from->name);
		function->system_name_index = add_string(encoder, from->system_name);
		function->filename_index = add_string(encoder, from->file);
		function->start_line = from->start_line;
	}
}

static void add_lines(struct encoder *encoder, Otlp__Location *to,
		      const struct profile_location *from)
{
	TAKE_MESSAGES(encoder, from->line_count, Otlp__Line, OTLP__LINE__INIT, to->lines);
	if (encoder->status < 0)
		return;
	to->n_lines = from->line_count;
	for (uint32_t i = 0; i < from->line_count; i++) {
		const struct profile_line *const line =
			&encoder->profile->lines[from->first_line + i];

		to->lines[i]->function_index = (int32_t)line->function + 1;
		to->lines[i]->line = line->line;
	}
}

static void add_locations(struct encoder *encoder)
{
	const struct profile *const profile = encoder->profile;
	Otlp__Dictionary *const to = &encoder->dictionary;
	int32_t *const native = take(encoder, 1, sizeof(*native));

	TAKE_MESSAGES(encoder, profile->location_count + 1, Otlp__Location, OTLP__LOCATION__INIT,
		      to->location_table);
	if (encoder->status < 0)
		return;
	*native = FRAME_TYPE_ATTRIBUTE;
	to->n_location_table = profile->location_count + 1;
	for (size_t i = 0; i < profile->location_count && encoder->status == 0; i++) {
		const struct profile_location *const from = &profile->locations[i];
		Otlp__Location *const location = to->location_table[i + 1];

		location->address = from->address;
		add_lines(encoder, location, from);
		location->attribute_indices = native;
		location->n_attribute_indices = 1;
		if (from->mapping != PROFILE_NO_MAPPING)
			location->mapping_index = (int32_t)from->mapping + 1;
	}
}

static bool has_amount(const struct snapshot_stack *stack)
{
	return stack->allocated.bytes || stack->allocated.objects || stack->live.bytes ||
	       stack->live.objects;
}

static void fill_stack(struct encoder *encoder, Otlp__Stack *to, const struct profile_sample *from)
{
	to->location_indices = take(encoder, from->depth, sizeof(*to->location_indices));
	to->n_location_indices = from->depth;
	for (uint32_t i = 0; i < from->depth && encoder->status == 0; i++)
		to->location_indices[i] =
			(int32_t)encoder->profile->sample_locations[from->first_location + i] + 1;
}

static void add_stacks(struct encoder *encoder)
{
	const struct profile *const profile = encoder->profile;
	Otlp__Dictionary *const to = &encoder->dictionary;

	encoder->stack_indices = take(encoder, profile->sample_count, sizeof(int32_t));
	TAKE_MESSAGES(encoder, profile->sample_count + 1, Otlp__Stack, OTLP__STACK__INIT,
		      to->stack_table);
	TAKE_MESSAGES(encoder, (size_t)1, Otlp__Link, OTLP__LINK__INIT, to->link_table);
	to->n_stack_table = to->n_link_table = 1;
	for (size_t i = 0; i < profile->sample_count && encoder->status == 0; i++) {
		if (!has_amount(profile->samples[i].stack))
			continue;
		fill_stack(encoder, to->stack_table[to->n_stack_table], &profile->samples[i]);
		encoder->stack_indices[i] = (int32_t)to->n_stack_table++;
	}
}

/* ---- profiles ---- */

static Otlp__ValueType *make_type(struct encoder *encoder, const char *type, const char *unit)
{
	Otlp__ValueType *const value_type = take(encoder, 1, sizeof(*value_type));

	if (!value_type)
		return NULL;
	*value_type = (Otlp__ValueType)OTLP__VALUE_TYPE__INIT;
	value_type->type_index = add_string(encoder, type);
	value_type->unit_index = add_string(encoder, unit);
	return value_type;
}

static void add_samples(struct encoder *encoder, Otlp__Profile *to, enum metric_id metric)
{
	const struct profile *const profile = encoder->profile;

	TAKE_MESSAGES(encoder, profile->sample_count, Otlp__Sample, OTLP__SAMPLE__INIT,
		      to->samples);
	for (size_t i = 0; i < profile->sample_count && encoder->status == 0; i++) {
		const int64_t value = metric_value(profile->snapshot, metric, i);
		int64_t *const values = value > 0 ? take(encoder, 1, sizeof(*values)) : NULL;

		if (!values)
			continue;
		*values = value;
		to->samples[to->n_samples]->stack_index = encoder->stack_indices[i];
		to->samples[to->n_samples]->values = values;
		to->samples[to->n_samples++]->n_values = 1;
	}
}

/* What the profile is known by, made from what makes it what it is. */
static void set_id(struct encoder *encoder, Otlp__Profile *to, enum metric_id metric)
{
	uint8_t *const id = take(encoder, ID_SIZE, 1);
	uint64_t hash = UINT64_C(0xcbf29ce484222325) + metric;

	if (!id)
		return;
	for (const char *c = encoder->job->series; *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	memcpy(id, &hash, sizeof(hash));
	memcpy(id + sizeof(hash), &encoder->job->time_ns, sizeof(hash));
	to->profile_id = (ProtobufCBinaryData){ID_SIZE, id};
}

static void fill_profile(struct encoder *encoder, Otlp__Profile *to, enum metric_id metric)
{
	const bool is_delta = metric < METRIC_INUSE_OBJECTS;
	const struct job *const job = encoder->job;

	to->sample_type = make_type(encoder, metric_table[metric].name, metric_table[metric].unit);
	to->period_type = make_type(encoder, encoder->period_type, "bytes");
	to->period = (int64_t)encoder->profile->snapshot->interval;
	/* A time and a duration say when a difference began; a state has neither. */
	to->time_unix_nano = is_delta ? job->time_ns - job->duration_ns : job->time_ns;
	to->duration_nano = is_delta ? job->duration_ns : 0;
	add_samples(encoder, to, metric);
	set_id(encoder, to, metric);
}

/* ---- the resource ---- */

static void add_attribute(struct encoder *encoder, Otlp__Resource *to, const char *key,
			  const char *text, int64_t number)
{
	Otlp__KeyValue *const pair = take(encoder, 1, sizeof(*pair));
	Otlp__AnyValue *const value = take(encoder, 1, sizeof(*value));

	if (encoder->status < 0)
		return;
	*pair = (Otlp__KeyValue)OTLP__KEY_VALUE__INIT;
	*value = (Otlp__AnyValue)OTLP__ANY_VALUE__INIT;
	pair->key = (char *)key;
	pair->value = value;
	if (text) {
		value->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
		value->string_value = (char *)text;
	} else {
		value->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
		value->int_value = number;
	}
	to->attributes[to->n_attributes++] = pair;
}

static void fill_resource(struct encoder *encoder, Otlp__Resource *to)
{
	const struct labels *const labels = &encoder->job->labels;

	to->attributes = take(encoder, RESOURCE_MAX, sizeof(Otlp__KeyValue *));
	if (encoder->status < 0)
		return;
	for (size_t i = 0; i < labels->count; i++) {
		const bool is_service = strcmp(labels->items[i].name, LABELS_SERVICE) == 0;

		add_attribute(encoder, to, is_service ? "service.name" : labels->items[i].name,
			      labels->items[i].value, 0);
	}
	add_attribute(encoder, to, "telemetry.sdk.name", "heaptide", 0);
	add_attribute(encoder, to, "telemetry.sdk.language", "native", 0);
	add_attribute(encoder, to, "telemetry.sdk.version", HEAPTIDE_VERSION, 0);
	if (encoder->job->process_count != 1)
		return;
	add_attribute(encoder, to, "process.pid", NULL, encoder->job->processes[0].pid);
	add_attribute(encoder, to, "process.executable.name", encoder->job->processes[0].command,
		      0);
}

/* ---- the whole ---- */

static int pack(const Otlp__Request *request, uint8_t **bytes, size_t *size)
{
	*size = otlp__request__get_packed_size(request);
	*bytes = malloc(*size);
	if (!*bytes)
		return -ENOMEM;
	otlp__request__pack(request, *bytes);
	return 0;
}

static int encode(struct encoder *encoder, uint8_t **bytes, size_t *size)
{
	Otlp__Request request = OTLP__REQUEST__INIT;
	Otlp__ResourceProfiles resource_profiles = OTLP__RESOURCE_PROFILES__INIT;
	Otlp__ResourceProfiles *all_resources[] = {&resource_profiles};
	Otlp__ScopeProfiles scope_profiles = OTLP__SCOPE_PROFILES__INIT;
	Otlp__ScopeProfiles *all_scopes[] = {&scope_profiles};
	Otlp__Resource resource = OTLP__RESOURCE__INIT;
	Otlp__Scope scope = OTLP__SCOPE__INIT;
	Otlp__Profile profiles[METRIC_STANDARD_COUNT], *all_profiles[METRIC_STANDARD_COUNT];

	encoder->dictionary = (Otlp__Dictionary)OTLP__DICTIONARY__INIT;
	add_string(encoder, "");
	add_mappings(encoder);
	add_functions(encoder);
	add_locations(encoder);
	add_stacks(encoder);
	for (size_t i = 0; i < METRIC_STANDARD_COUNT && encoder->status == 0; i++) {
		profiles[i] = (Otlp__Profile)OTLP__PROFILE__INIT;
		fill_profile(encoder, &profiles[i], (enum metric_id)i);
		if (profiles[i].n_samples > 0)
			all_profiles[scope_profiles.n_profiles++] = &profiles[i];
	}
	fill_resource(encoder, &resource);
	if (encoder->status < 0)
		return encoder->status;
	encoder->dictionary.n_string_table = encoder->strings.count;
	encoder->dictionary.string_table = encoder->strings.strings;
	scope.name = "heaptide";
	scope.version = HEAPTIDE_VERSION;
	scope_profiles.scope = &scope;
	scope_profiles.profiles = all_profiles;
	resource_profiles.resource = &resource;
	resource_profiles.n_scope_profiles = 1;
	resource_profiles.scope_profiles = all_scopes;
	request.n_resource_profiles = 1;
	request.resource_profiles = all_resources;
	request.dictionary = &encoder->dictionary;
	return pack(&request, bytes, size);
}

static void release(struct encoder *encoder)
{
	while (encoder->blocks) {
		struct block *const block = encoder->blocks;

		encoder->blocks = block->next;
		free(block);
	}
	string_table_fini(&encoder->strings);
}

int otlp_message_encode(const struct job *job, const char *period_type, uint8_t **bytes,
			size_t *size)
{
	struct encoder encoder = {.job = job, .period_type = period_type};
	struct profile_sum *const sum = profile_sum_new();
	int status = sum ? 0 : -ENOMEM;

	if (status == 0)
		status = pprof_read(job->pprof, job->pprof_size, true, sum, NULL);
	if (status == 0)
		status = profile_sum_fold(sum, OTLP_MESSAGE_STACKS);
	if (status == 0) {
		encoder.profile = profile_sum_profile(sum);
		status = encode(&encoder, bytes, size);
	}
	release(&encoder);
	profile_sum_free(sum);
	return status;
}

bool otlp_message_complaint(const uint8_t *answer, size_t answer_size, char *text, size_t size)
{
	Otlp__Response *const response = otlp__response__unpack(NULL, answer_size, answer);
	const Otlp__PartialSuccess *const partial = response ? response->partial_success : NULL;
	const bool complains =
		partial && (partial->rejected_profiles > 0 || *partial->error_message);

	if (complains)
		snprintf(text, size, "%lld profiles were rejected: %s",
			 (long long)partial->rejected_profiles, partial->error_message);
	if (response)
		otlp__response__free_unpacked(response, NULL);
	return complains;
}
