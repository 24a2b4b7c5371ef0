/* XML in and out: what is read, what is refused and with which sentence, what is written. */
#include "util/xml.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct fail fail;

static struct xml_document *parse_ok(const char *text)
{
    struct xml_document *doc = NULL;
    fail = (struct fail){0};
    if (xml_parse(text, strlen(text), NULL, &doc, &fail) < 0)
        fail_msg("parse: %s", fail.text);
    return doc;
}

static void refuse_bytes(const char *text, size_t size, const char *sentence)
{
    struct xml_document *doc = NULL;
    fail = (struct fail){0};
    assert_int_equal(xml_parse(text, size, NULL, &doc, &fail), -1);
    assert_null(doc);
    assert_int_equal(fail.code, VIR_ERR_XML_ERROR);
    if (!strstr(fail.text, sentence))
        fail_msg("\"%s\" does not say \"%s\"", fail.text, sentence);
}

static void refuse(const char *text, const char *sentence)
{
    refuse_bytes(text, strlen(text), sentence);
}

static void a_tree_is_read(void **state)
{
    (void)state;
    auto_xml struct xml_document *doc = parse_ok("<?xml version='1.0'?>\n"
                                                 "<!-- hello -->\n"
                                                 "<a x='1' y='&lt;&amp;&#65;'>\n"
                                                 "  <b>one</b>\n"
                                                 "  <!-- between -->\n"
                                                 "  <c/><b>t<![CDATA[w<]]>o</b>\n"
                                                 "</a>");
    const struct xml_node *a = doc->root;
    assert_string_equal(a->name, "a");
    assert_int_equal(a->line, 3);
    assert_string_equal(xml_get(a, "x"), "1");
    assert_string_equal(xml_get(a, "y"), "<&A");
    assert_null(xml_get(a, "z"));
    const struct xml_node *b = xml_first_element(a);
    assert_string_equal(xml_text(b), "one");
    const struct xml_node *c = xml_next_element(b);
    assert_true(xml_is(c, "c"));
    assert_string_equal(xml_text(c), "");
    assert_string_equal(xml_text(xml_next_element(c)), "tw<o");
    assert_null(xml_next_element(xml_next_element(c)));
    assert_string_equal(xml_child_text(a, "b"), "one");
    assert_null(xml_child_text(a, "d"));
}

static void namespaces_are_kept_apart(void **state)
{
    (void)state;
    auto_xml struct xml_document *doc =
        parse_ok("<a xmlns:q='urn:q'><q:b n='1' q:n='2'/><b n='3'/></a>");
    const struct xml_node *b = xml_child(doc->root, "b");
    assert_string_equal(xml_get(b, "n"), "3");
    const struct xml_node *qb = xml_child_ns(doc->root, "urn:q", "b");
    assert_ptr_not_equal(qb, b);
    assert_false(xml_is(qb, "b"));
    assert_string_equal(xml_get(qb, "n"), "1");
}

static void malformed_is_refused_with_its_line(void **state)
{
    (void)state;
    refuse("", "empty");
    refuse(" \n ", "empty");
    refuse("hello", "line 1");
    refuse("<a>\n<b>\n</a>", "line 3");
    refuse("<a>", "line 1");
    refuse("<a/><b/>", "line 1");
    refuse("<a x=1/>", "line 1");
    refuse("<a x='1' x='2'/>", "x redefined");
    refuse("<a>&nothing;</a>", "nothing");
    refuse("<a>\x01</a>", "line 1");
    refuse("<a>\xff\xfe</a>", "line 1");
    refuse("<p:a/>", "p");
    refuse_bytes("<a>\0</a>", 8, "zero byte");
}

static void a_doctype_is_refused_before_its_entities(void **state)
{
    (void)state;
    refuse("<!DOCTYPE a><a/>", "document type");
    refuse("<!DOCTYPE a SYSTEM 'http://example.org/a.dtd'><a/>", "document type");
    refuse("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "document type");
    refuse("<!DOCTYPE a [<!ENTITY l 'lol'><!ENTITY m '&l;&l;&l;'>]><a>&m;</a>", "document type");
}

static char *nested(unsigned depth)
{
    char *text = malloc(depth * 7 + 1), *end = text;
    for (unsigned i = 0; i < depth; i++)
        end = stpcpy(end, "<a>");
    for (unsigned i = 0; i < depth; i++)
        end = stpcpy(end, "</a>");
    return text;
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    auto_free char *at = nested(XML_DEPTH_MAX), *over = nested(XML_DEPTH_MAX + 1);
    auto_free char *far = nested(100000);
    auto_xml struct xml_document *doc = parse_ok(at);
    assert_non_null(doc->root);
    refuse(over, "nested too deep");
    refuse(far, "nested too deep");
}

static void size_and_count_have_limits(void **state)
{
    (void)state;
    auto_free char *big = malloc(XML_SIZE_MAX + 1);
    memset(big, ' ', XML_SIZE_MAX + 1);
    memcpy(big, "<a>", 3);
    memcpy(big + XML_SIZE_MAX + 1 - 4, "</a>", 4);
    refuse_bytes(big, XML_SIZE_MAX + 1, "at most 4194304");

    auto_free char *many = malloc(4 * XML_NODES_MAX + 16);
    char *end = stpcpy(many, "<r>");
    for (int i = 0; i < XML_NODES_MAX; i++)
        end = stpcpy(end, "<a/>");
    stpcpy(end, "</r>");
    refuse(many, "too many");

    auto_free char *wide = malloc(400 * 8);
    end = stpcpy(wide, "<r");
    for (int i = 0; i < 300; i++)
        end += sprintf(end, " a%d=''", i);
    stpcpy(end, "/>");
    refuse(wide, "attributes");
}

static void the_root_has_to_be_the_right_one(void **state)
{
    (void)state;
    struct xml_document *doc = NULL;
    assert_int_equal(xml_parse("<network/>", 10, "domain", &doc, &fail), -1);
    assert_string_equal(fail.text, "XML root element is <network>, expected <domain>");
}

static void numbers_are_strict(void **state)
{
    (void)state;
    auto_xml struct xml_document *doc =
        parse_ok("<a n='12' h='0x1F' e='' s='-1' p='+1' b=' 1' t='1 ' x='12x' o='010'\n"
                 " big='18446744073709551615' over='18446744073709551616'/>");
    const struct xml_node *a = doc->root;
    uint64_t v = 7;
    assert_int_equal(xml_get_u64(a, "none", 0, UINT64_MAX, &v, &fail), 0);
    assert_int_equal(v, 7);
    assert_int_equal(xml_get_u64(a, "n", 0, 12, &v, &fail), 1);
    assert_int_equal(v, 12);
    assert_int_equal(xml_get_u64(a, "h", 0, 99, &v, &fail), 1);
    assert_int_equal(v, 31);
    assert_int_equal(xml_get_u64(a, "o", 0, 99, &v, &fail), 1);
    assert_int_equal(v, 10);
    assert_int_equal(xml_get_u64(a, "big", 0, UINT64_MAX, &v, &fail), 1);
    assert_true(v == UINT64_MAX);
    const char *bad[] = {"e", "s", "p", "b", "t", "x", "over"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(xml_get_u64(a, bad[i], 0, UINT64_MAX, &v, &fail), -1);
        assert_non_null(strstr(fail.text, "is not a number"));
        assert_true(v == UINT64_MAX);
    }
    unsigned u = 3;
    assert_int_equal(xml_get_uint(a, "n", 0, 11, &u, &fail), -1);
    assert_non_null(strstr(fail.text, "attribute 'n' of <a>: 12 is not between 0 and 11"));
    assert_int_equal(u, 3);
}

static void the_writer_indents_and_escapes(void **state)
{
    (void)state;
    cleanup(buffer_free) struct buffer out = {0};
    struct xml_writer w = {.out = &out};
    xml_open(&w, "a");
    xml_attr(&w, "x", "<'\"&\n>");
    xml_attr(&w, "absent", NULL);
    xml_attr_u64(&w, "n", 18446744073709551615ull);
    xml_attr_i64(&w, "i", -1);
    xml_attrf(&w, "f", "0x%02x", 10);
    xml_open(&w, "b");
    xml_close(&w);
    xml_element(&w, "t", "1 < 2 & 'q'");
    xml_element(&w, "absent", NULL);
    xml_element(&w, "empty", "");
    xml_raw(&w, "<raw/>");
    xml_element_u64(&w, "u", 5);
    xml_close(&w);
    assert_int_equal(xml_writer_end(&w, &fail), 0);
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)buffer_bytes(&out),
                        "<a x='&lt;&apos;&quot;&amp;&#10;&gt;' n='18446744073709551615' i='-1' "
                        "f='0x0a'>\n"
                        "  <b/>\n"
                        "  <t>1 &lt; 2 &amp; 'q'</t>\n"
                        "  <empty></empty>\n"
                        "  <raw/>\n"
                        "  <u>5</u>\n"
                        "</a>\n");
}

static void the_writers_first_failure_sticks(void **state)
{
    (void)state;
    cleanup(buffer_free) struct buffer out = {.limit = 16};
    struct xml_writer w = {.out = &out};
    xml_open(&w, "a");
    xml_element(&w, "much", "more than there is room for");
    xml_close(&w);
    assert_int_equal(xml_writer_end(&w, &fail), -1);
    assert_int_equal(fail.code, VIR_ERR_INTERNAL_ERROR);

    cleanup(buffer_free) struct buffer other = {0};
    struct xml_writer control = {.out = &other};
    xml_element(&control, "a", "\x07");
    assert_int_equal(xml_writer_end(&control, &fail), -1);
    assert_int_equal(fail.code, VIR_ERR_XML_ERROR);
}

static void a_subtree_comes_out_as_it_went_in(void **state)
{
    (void)state;
    auto_xml struct xml_document *doc =
        parse_ok("<d xmlns:o='urn:o' xmlns:u='urn:unused'><metadata>\n"
                 "  <o:x a='1' o:b='&quot;'> mixed <i/> text &amp; <![CDATA[a<b]]></o:x>\n"
                 "  <y xmlns='urn:y'><!--c--><?do it?></y>\n"
                 "</metadata></d>");
    const char *text = xml_node_to_string(xml_first_element(doc->root), &doc->arena);
    assert_string_equal(text, "<metadata xmlns:o='urn:o'>\n"
                              "  <o:x a='1' o:b='&quot;'> mixed <i/> text &amp; "
                              "<![CDATA[a<b]]></o:x>\n"
                              "  <y xmlns='urn:y'><!--c--><?do it?></y>\n"
                              "</metadata>");
    auto_xml struct xml_document *again = parse_ok(text);
    assert_string_equal(xml_node_to_string(again->root, &again->arena), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_is_read),
        cmocka_unit_test(namespaces_are_kept_apart),
        cmocka_unit_test(malformed_is_refused_with_its_line),
        cmocka_unit_test(a_doctype_is_refused_before_its_entities),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(size_and_count_have_limits),
        cmocka_unit_test(the_root_has_to_be_the_right_one),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(the_writer_indents_and_escapes),
        cmocka_unit_test(the_writers_first_failure_sticks),
        cmocka_unit_test(a_subtree_comes_out_as_it_went_in),
    };
    return cmocka_run_group_tests_name("util xml", tests, NULL, NULL);
}
