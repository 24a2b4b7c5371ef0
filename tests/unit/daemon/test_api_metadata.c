/* Title, description and the elements that other programs keep in a guest's document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libvirt/libvirt.h>
#include <string.h>
#include "daemon/metadata.h"

enum {
    DESCRIPTION = VIR_DOMAIN_METADATA_DESCRIPTION,
    TITLE = VIR_DOMAIN_METADATA_TITLE,
    ELEMENT = VIR_DOMAIN_METADATA_ELEMENT,
};

static struct domain guest;
static struct arena results;

static int set_up(void **state)
{
    (void)state;
    memset(&guest, 0, sizeof(guest));
    arena_init(&guest.arena, 1 << 20);
    arena_init(&results, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(&guest.arena);
    arena_free(&results);
    return 0;
}

static const char *get(int type, const char *uri)
{
    const char *text = NULL;
    struct fail f;
    return metadata_get(&guest, type, uri, &results, &text, &f) == 0 ? text : NULL;
}

static void set(const char *text, const char *key, const char *uri)
{
    struct fail f = {0};
    if (metadata_set(&guest, ELEMENT, text, key, uri, &f) < 0)
        fail_msg("%s", f.text);
}

static void title_and_description_come_and_go(void **state)
{
    (void)state;
    struct fail f = {0};
    assert_null(get(TITLE, NULL));
    assert_int_equal(metadata_set(&guest, TITLE, "A <title>", NULL, NULL, &f), 0);
    assert_int_equal(metadata_set(&guest, DESCRIPTION, "two\nlines", NULL, NULL, &f), 0);
    assert_string_equal(get(TITLE, NULL), "A <title>");
    assert_string_equal(get(DESCRIPTION, NULL), "two\nlines");
    assert_int_equal(metadata_set(&guest, TITLE, "", NULL, NULL, &f), 0);
    assert_int_equal(metadata_set(&guest, DESCRIPTION, NULL, NULL, NULL, &f), 0);
    assert_null(get(TITLE, NULL));
    assert_null(get(DESCRIPTION, NULL));
}

static void what_is_absent_has_libvirts_error(void **state)
{
    (void)state;
    struct fail f = {0};
    const char *text;
    assert_int_equal(metadata_get(&guest, ELEMENT, "http://a", &results, &text, &f), -1);
    assert_int_equal(f.code, VIR_ERR_NO_DOMAIN_METADATA);
    assert_string_equal(f.text, "Requested metadata element is not present");
}

static void an_element_is_kept_in_its_namespace(void **state)
{
    (void)state;
    set("<app version='1'>text<part/></app>", "a", "http://a");
    assert_non_null(strstr(guest.metadata, "<a:app "));
    assert_non_null(strstr(guest.metadata, "<a:part/>"));
    assert_non_null(strstr(guest.metadata, "http://a"));
    const char *text = get(ELEMENT, "http://a");
    assert_non_null(text);
    assert_null(strstr(text, "http://a"));
    assert_non_null(strstr(text, "<app version="));
    assert_non_null(strstr(text, ">text<part/></app>"));
}

static void programs_do_not_see_each_other(void **state)
{
    (void)state;
    set("<one/>", "a", "http://a");
    set("<two/>", "b", "http://b");
    set("<three/>", "a", "http://a");
    assert_string_equal(get(ELEMENT, "http://a"), "<three/>");
    assert_string_equal(get(ELEMENT, "http://b"), "<two/>");
    set(NULL, NULL, "http://a");
    assert_null(get(ELEMENT, "http://a"));
    assert_string_equal(get(ELEMENT, "http://b"), "<two/>");
    set(NULL, NULL, "http://b");
    assert_null(guest.metadata);
}

static void a_foreign_document_is_read_too(void **state)
{
    (void)state;
    guest.metadata = "<metadata xmlns:q=\"http://q\">\n"
                     "  <q:r><o:s xmlns:o=\"http://o\"/><q:t/></q:r>\n</metadata>";
    const char *text = get(ELEMENT, "http://q");
    assert_non_null(text);
    assert_non_null(strstr(text, "<t/>"));
    assert_non_null(strstr(text, "<o:s xmlns:o="));
    set("<new/>", "n", "http://n");
    assert_non_null(get(ELEMENT, "http://q"));
    assert_string_equal(get(ELEMENT, "http://n"), "<new/>");
}

static void refuse(int type, const char *text, const char *key, const char *uri, int code)
{
    struct fail f = {0};
    assert_int_equal(metadata_set(&guest, type, text, key, uri, &f), -1);
    assert_int_equal(f.code, code);
    assert_true(f.text[0] != '\0');
}

static void what_would_break_the_document_is_refused(void **state)
{
    (void)state;
    set("<kept/>", "k", "http://k");
    refuse(TITLE, "two\nlines", NULL, NULL, VIR_ERR_INVALID_ARG);
    refuse(TITLE, "bell\a", NULL, NULL, VIR_ERR_INVALID_ARG);
    refuse(DESCRIPTION, "not \xff UTF-8", NULL, NULL, VIR_ERR_INVALID_ARG);
    refuse(ELEMENT, "<a", "a", "http://a", VIR_ERR_XML_ERROR);
    refuse(ELEMENT, "<a/><b/>", "a", "http://a", VIR_ERR_XML_ERROR);
    refuse(ELEMENT, "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "a", "http://a", VIR_ERR_XML_ERROR);
    refuse(ELEMENT, "<a/>", NULL, "http://a", VIR_ERR_INVALID_ARG);
    refuse(ELEMENT, "<a/>", "a b", "http://a", VIR_ERR_INVALID_ARG);
    refuse(ELEMENT, "<a/>", "1", "http://a", VIR_ERR_XML_ERROR);
    refuse(ELEMENT, "<a/>", "a", NULL, VIR_ERR_INVALID_ARG);
    refuse(3, "x", NULL, NULL, VIR_ERR_INVALID_ARG);
    assert_string_equal(get(ELEMENT, "http://k"), "<kept/>");
    assert_null(guest.title);
    assert_null(guest.description);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(title_and_description_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_absent_has_libvirts_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_element_is_kept_in_its_namespace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(programs_do_not_see_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_foreign_document_is_read_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_would_break_the_document_is_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
