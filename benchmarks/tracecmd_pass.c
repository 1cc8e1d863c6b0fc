/*
 * Read every field of every event of a trace.dat by libtracecmd, and print how many there were.
 *
 *     tracecmd_pass TRACE.DAT
 *
 * The least that a program in C does which wants all that a recording holds: the library merges the
 * CPUs by time, each record's event is found by its id, and each field is read, numbers as numbers,
 * strings to their end, arrays byte by byte. All of it goes into one sum, printed so that none of
 * it can be left out. Nothing is formatted, stored or kept.
 */
#include <stdio.h>
#include <stdlib.h>

#include <event-parse.h>
#include <trace-cmd.h>

struct pass {
	unsigned long long events;
	unsigned long long unknown;	/* records whose event the file does not describe */
	unsigned long long fields;
	unsigned long long sum;
};

static unsigned long long sum_of_bytes(const unsigned char *bytes, unsigned int size, int is_string)
{
	unsigned long long sum = 0;

	for (unsigned int i = 0; i < size && (bytes[i] || !is_string); i++)
		sum += bytes[i];
	return sum;
}

/* Where a field's bytes are: of a dynamic one its 32 bits are a length and an offset (__data_loc). */
static int place_of(struct tep_handle *tep, struct tep_format_field *field,
		    const struct tep_record *record, unsigned int *offset, unsigned int *size)
{
	unsigned long long place;

	*offset = field->offset;
	*size = field->size;
	if (field->flags & TEP_FIELD_IS_DYNAMIC) {
		place = tep_read_number(tep, (char *)record->data + field->offset, field->size);
		*offset = place & 0xffff;
		*size = place >> 16 & 0xffff;
		if (field->flags & TEP_FIELD_IS_RELATIVE)
			*offset += field->offset + field->size;
	}
	return *offset + *size <= (unsigned int)record->size;
}

static void read_field(struct tep_handle *tep, struct tep_format_field *field,
		       const struct tep_record *record, struct pass *pass)
{
	unsigned long long number;
	unsigned int offset, size;

	if (field->flags & (TEP_FIELD_IS_ARRAY | TEP_FIELD_IS_DYNAMIC | TEP_FIELD_IS_STRING)) {
		if (!place_of(tep, field, record, &offset, &size))
			return;
		pass->sum += sum_of_bytes((unsigned char *)record->data + offset, size,
					  field->flags & TEP_FIELD_IS_STRING);
	} else if (!tep_read_number_field(field, record->data, &number)) {
		pass->sum += number;
	}
	pass->fields++;
}

static int read_record(struct tracecmd_input *input, struct tep_record *record, int cpu,
		       void *context)
{
	struct tep_handle *tep = tracecmd_get_tep(input);
	struct tep_event *event = tep_find_event_by_record(tep, record);
	struct tep_format_field *field;
	struct pass *pass = context;

	pass->events++;
	pass->sum += record->ts + cpu;
	if (!event) {
		pass->unknown++;
		return 0;
	}
	for (field = event->format.common_fields; field; field = field->next)
		read_field(tep, field, record, pass);
	for (field = event->format.fields; field; field = field->next)
		read_field(tep, field, record, pass);
	return 0;
}

int main(int argc, char **argv)
{
	struct pass pass = {0};
	struct tracecmd_input *input;

	if (argc != 2) {
		fprintf(stderr, "usage: %s TRACE.DAT\n", argv[0]);
		return 2;
	}
	input = tracecmd_open(argv[1], TRACECMD_FL_LOAD_NO_PLUGINS);
	if (!input || tracecmd_iterate_events(input, NULL, 0, read_record, &pass) < 0) {
		fprintf(stderr, "%s: cannot be read by libtracecmd\n", argv[1]);
		return 1;
	}
	tracecmd_close(input);
	printf("%llu %llu %llu %llu\n", pass.events, pass.unknown, pass.fields, pass.sum);
	return 0;
}
