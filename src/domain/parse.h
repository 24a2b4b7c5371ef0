/* parse.h - what the parsers of the document's parts share. Private to src/domain.
 *
 * Every parser first says which attributes and child elements it knows (parse_only); anything else
 * is refused by name, because what is not understood could change the guest. All functions here
 * return 0 (or 0 and 1, where said) or -1 with `p->fail` set.
 */
#pragma once
#include "domain/domain.h"
#include "domain/names.h"
#include "util/xml.h"

struct parse {
    struct domain *d;
    struct fail *fail;
    bool live; /* DOMAIN_PARSE_LIVE */
};

/* An empty domain; NULL without memory. */
struct domain *domain_new(void);

/* One more zeroed element at the end of a list of the domain; its address, or NULL without room,
 * with `f` set. Addresses of the other elements change. */
#define DOMAIN_PUSH(d, list, count, f)                                                             \
    ({                                                                                             \
        __auto_type grown_ = domain_grow((d), (d)->list, (d)->count, sizeof(*(d)->list), (f));     \
        if (grown_)                                                                                \
            (d)->list = grown_;                                                                    \
        grown_ ? &(d)->list[(d)->count++] : NULL;                                                  \
    })
void *domain_grow(struct domain *d, void *list, size_t count, size_t size, struct fail *f);

/* Space-separated names of the attributes and children that `n` may have. */
int parse_only(struct parse *p, const struct xml_node *n, const char *attributes,
               const char *children);
/* "element <x> in <y> is not supported" and its kin. */
int parse_refuse_element(struct parse *p, const struct xml_node *n);
int parse_refuse_value(struct parse *p, const struct xml_node *n, const char *attribute,
                       const char *value);

/* Copies into the arena. An absent attribute gives NULL; so does an empty one. */
int parse_string(struct parse *p, const char *text, const char **ret_text);
int parse_attribute(struct parse *p, const struct xml_node *n, const char *name,
                    const char **ret_text);
/* The attribute must be there and not be empty. */
int parse_required(struct parse *p, const struct xml_node *n, const char *name,
                   const char **ret_text);
/* An absolute path of at most `max` bytes; absent: NULL. */
int parse_path(struct parse *p, const struct xml_node *n, const char *name, size_t max,
               const char **ret_path);
/* 1 and the value, 0 when absent (nothing written). */
int parse_enum_text(struct parse *p, const struct xml_node *n, const char *attribute,
                    const char *text, const struct domain_names *names, unsigned *ret_value);
int parse_enum(struct parse *p, const struct xml_node *n, const char *attribute,
               const struct domain_names *names, unsigned *ret_value);
/* The element's single child of that name; more than one is an error. NULL without. */
int parse_single(struct parse *p, const struct xml_node *n, const char *name,
                 const struct xml_node **ret_child);
/* The element as it came, as text. */
int parse_verbatim(struct parse *p, const struct xml_node *n, const char **ret_text);

/* <alias>, <address> and <boot order=> of a device. */
enum { PARSE_NO_ADDRESS, PARSE_PCI_ADDRESS, PARSE_SERIAL_ADDRESS };
int parse_device(struct parse *p, const struct xml_node *n, int address, struct domain_device *dev);

/* The parts. */
int parse_os(struct parse *p, const struct xml_node *n);
int parse_features(struct parse *p, const struct xml_node *n);
int parse_clock(struct parse *p, const struct xml_node *n);
int parse_pm(struct parse *p, const struct xml_node *n);
int parse_cpu(struct parse *p, const struct xml_node *n);
int parse_disk(struct parse *p, const struct xml_node *n);
int parse_controller(struct parse *p, const struct xml_node *n);
int parse_interface(struct parse *p, const struct xml_node *n);
int parse_serial(struct parse *p, const struct xml_node *n);
int parse_console(struct parse *p, const struct xml_node *n);
int parse_channel(struct parse *p, const struct xml_node *n);
int parse_input(struct parse *p, const struct xml_node *n);
int parse_audio(struct parse *p, const struct xml_node *n);
int parse_rng(struct parse *p, const struct xml_node *n);
int parse_balloon(struct parse *p, const struct xml_node *n);
int parse_commandline(struct parse *p, const struct xml_node *n);
