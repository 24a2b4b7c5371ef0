/* What each flag puts into a document, and that documents survive the way there and back. */
#include "document.h"
#include "util/xml.h"
#include <libvirt/libvirt-domain.h>

static char *text_of(const struct domain *d, unsigned flags)
{
    struct buffer out = {0};
    if (domain_format(d, flags, &out, &fail) < 0)
        fail_msg("%s", fail.text);
    buffer_append(&out, "", 1);
    return (char *)out.data;
}

static struct domain *running(void)
{
    struct domain *d =
        accept("", "<interface type='ethernet'><mac address='52:54:00:00:00:01'/></interface>"
                   "<serial type='pty'><alias name='ua-s'/></serial>"
                   "<channel type='unix'><target type='virtio' name='agent'/></channel>"
                   "<serial type='tcp'><source host='h' service='1'/></serial>");
    assert_int_equal(domain_prepare_start(d, &fail), 0);
    d->id = 7;
    d->interfaces[0].target = "vnet3";
    d->interfaces[0].target_generated = true;
    assert_int_equal(domain_set_pty(d, "charua-s", "/dev/pts/4"), 1);
    assert_int_equal(domain_set_chardev_path(d, &d->channels[0].source,
                                             "/run/g" DOMAIN_CHANNEL_FOLDER "domain-7-g/agent"),
                     0);
    d->channels[0].source.path_generated = true;
    d->channels[0].state = DOMAIN_CHANNEL_CONNECTED;
    return d;
}

static const char *const live_words[] = {
    "id='7'",     "vnet3",  "/dev/pts/4", "tty=",     "'net0'",
    "domain-7-g", "state=", "'serial1'",  "tls='no'", "'pcie.0'",
};
enum { LIVE_WORDS = sizeof(live_words) / sizeof(live_words[0]) };

static void a_running_guests_document_has_what_is_live(void **state)
{
    (void)state;
    auto_domain struct domain *d = running();
    auto_free char *live = text_of(d, 0), *secure = text_of(d, VIR_DOMAIN_XML_SECURE);
    for (size_t i = 0; i < LIVE_WORDS; i++)
        if (!strstr(live, live_words[i]))
            fail_msg("%s is missing in %s", live_words[i], live);
    assert_string_equal(live, secure);
}

static void no_other_document_has_it(void **state)
{
    (void)state;
    auto_domain struct domain *d = running();
    static const unsigned flags[] = {VIR_DOMAIN_XML_INACTIVE, VIR_DOMAIN_XML_MIGRATABLE,
                                     VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE |
                                         VIR_DOMAIN_XML_UPDATE_CPU};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        auto_free char *text = text_of(d, flags[i]);
        for (size_t j = 0; j < LIVE_WORDS; j++)
            if (strstr(text, live_words[j]))
                fail_msg("%s is in the document for flags %u: %s", live_words[j], flags[i], text);
        assert_non_null(strstr(text, "<alias name='ua-s'/>"));
    }
    d->id = -1;
    auto_free char *stopped = text_of(d, 0);
    for (size_t j = 0; j < LIVE_WORDS; j++)
        assert_null(strstr(stopped, live_words[j]));
}

static void a_live_document_is_taken_as_live_only_where_it_is_ours(void **state)
{
    (void)state;
    auto_domain struct domain *d = running(), *ours = NULL, *defined = NULL;
    auto_free char *live = text_of(d, 0);
    assert_int_equal(domain_parse(live, strlen(live), DOMAIN_PARSE_LIVE, &ours, &fail), 0);
    auto_free char *again = text_of(ours, 0);
    assert_string_equal(again, live);
    assert_int_equal(ours->id, 7);
    assert_true(ours->interfaces[0].target_generated);
    assert_true(ours->channels[0].source.path_generated);

    assert_int_equal(domain_parse(live, strlen(live), 0, &defined, &fail), 0);
    assert_int_equal(defined->id, -1);
    assert_null(defined->interfaces[0].target);
    assert_null(defined->interfaces[0].dev.alias);
    assert_null(defined->serials[0].source.path);
    assert_null(defined->channels[0].source.path);
    assert_int_equal(defined->channels[0].state, DOMAIN_CHANNEL_UNKNOWN);
}

static void only_a_channels_path_can_be_generated(void **state)
{
    (void)state;
    const char *path = "<source mode='bind' path='/s/channel@a'/>";
    auto_free char *devices = NULL;
    assert_true(asprintf(&devices, "<serial type='unix'>%s</serial><channel type='unix'>%s<target type='virtio'/></channel>",
                         path, path) > 0);
    auto_domain struct domain *d = accept("", devices);
    assert_string_equal(d->serials[0].source.path, "/s/channel@a");
    assert_false(d->serials[0].source.path_generated);
    assert_null(d->channels[0].source.path);
}

static void words_come_out_as_they_went_in(void **state)
{
    (void)state;
    auto_domain struct domain *d =
        accept("<title>&lt;'&amp;\"&gt;</title><description> a\n\tb </description>"
               "<metadata><x:y xmlns:x='urn:x' z='&lt;&#10;'>mixed <b/> text<!-- c --></x:y>"
               "</metadata><qemu:commandline><qemu:arg value=''/>"
               "<qemu:arg value='a&#10;b'/></qemu:commandline>",
               "");
    assert_string_equal(d->title, "<'&\">");
    assert_string_equal(d->description, " a\n\tb ");
    assert_string_equal(d->qemu_args[1], "a\nb");
    auto_free char *text = text_of(d, 0);
    assert_non_null(strstr(text, "<metadata><x:y xmlns:x='urn:x' z='&lt;&#10;'>mixed <b/> "
                                 "text<!-- c --></x:y></metadata>"));
    auto_domain struct domain *again = accept_text(text);
    assert_string_equal(again->title, d->title);
    assert_string_equal(again->description, d->description);
    assert_string_equal(again->metadata, d->metadata);
    assert_int_equal(again->qemu_arg_count, 2);
    assert_string_equal(again->qemu_args[0], "");
    assert_string_equal(again->qemu_args[1], "a\nb");
}

static void an_unknown_flag_is_refused(void **state)
{
    (void)state;
    auto_domain struct domain *d = accept("", "");
    cleanup(buffer_free) struct buffer out = {0};
    assert_int_equal(domain_format(d, 1u << 9, &out, &fail), -1);
    assert_int_equal(fail.code, VIR_ERR_INVALID_ARG);
    assert_non_null(strstr(fail.text, "0x200"));
    assert_int_equal(buffer_size(&out), 0);
}

static void a_document_that_does_not_fit_is_an_error(void **state)
{
    (void)state;
    auto_domain struct domain *d = accept("", "");
    cleanup(buffer_free) struct buffer out = {.limit = 100};
    assert_int_equal(domain_format(d, 0, &out, &fail), -1);
    assert_non_null(strstr(fail.text, "domain g: write XML"));
}

static void an_empty_domain_can_be_copied_before_it_is_complete(void **state)
{
    (void)state;
    auto_free char *text = document("", "<controller type='pci' model='pcie-root'/>");
    auto_domain struct domain *d = NULL, *copy = NULL;
    assert_int_equal(domain_parse(text, strlen(text), 0, &d, &fail), 0);
    assert_int_equal(domain_copy(d, &copy, &fail), 0);
    assert_false(copy->has_uuid);
    assert_null(copy->emulator);
    assert_int_equal(copy->controllers[0].index, DOMAIN_INDEX_NONE);
    assert_int_equal(copy->cpu.mode, DOMAIN_CPU_NONE);
    assert_int_equal(domain_fill_defaults(copy, &document_defaults, &fail), 0);
}

static void no_label_is_what_a_guest_may_ask_for(void **state)
{
    static const struct {
        const char *given, *written;
    } rows[] = {
        {"<seclabel type='none'/>", "<seclabel type='none' model='none'/>"},
        {"<seclabel type='none' model='none' relabel='no'/>", "<seclabel type='none' model='none'/>"},
        {"<seclabel type='dynamic'/>", "<seclabel type='none' model='none'/>"},
        {"<seclabel model='none'/>", "<seclabel type='none' model='none'/>"},
        {"<seclabel type='none' model='selinux'/>", "<seclabel type='none' model='selinux'/>"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        auto_domain struct domain *d = accept(rows[i].given, "");
        auto_free char *text = text_of(d, VIR_DOMAIN_XML_INACTIVE);
        assert_non_null(strstr(text, rows[i].written));
    }
}

/* As libvirt 9.0 writes them. */
static void clocks_are_written_as_libvirt_does(void **state)
{
    static const struct {
        const char *given, *written;
    } rows[] = {
        {"<clock offset='variable'/>", "<clock offset='variable' adjustment='0' basis='utc'/>"},
        {"<clock offset='variable' adjustment='-3600' basis='localtime'/>",
         "<clock offset='variable' adjustment='-3600' basis='localtime'/>"},
        {"<clock offset='variable' adjustment='reset'/>",
         "<clock offset='variable' adjustment='0' basis='utc'/>"},
        {"<clock offset='utc' adjustment='10'/>", "<clock offset='variable' adjustment='10' basis='utc'/>"},
        {"<clock offset='localtime' adjustment='-5'/>",
         "<clock offset='variable' adjustment='-5' basis='localtime'/>"},
        {"<clock offset='utc' adjustment='reset' basis='utc'/>", "<clock offset='utc' adjustment='reset'/>"},
        {"<clock offset='localtime' adjustment='reset'/>", "<clock offset='localtime' adjustment='reset'/>"},
        {"<clock offset='timezone' timezone='Europe/Berlin'/>",
         "<clock offset='timezone' timezone='Europe/Berlin'/>"},
        {"<clock offset='absolute' start='1000000000'/>", "<clock offset='absolute' start='1000000000'/>"},
        {"<clock offset='utc'><timer name='rtc' tickpolicy='catchup' track='guest'/></clock>",
         "<timer name='rtc' tickpolicy='catchup' track='guest'/>"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        auto_domain struct domain *d = accept(rows[i].given, ""), *copy = NULL;
        auto_free char *text = text_of(d, VIR_DOMAIN_XML_INACTIVE);
        assert_non_null(strstr(text, rows[i].written));
        assert_int_equal(domain_copy(d, &copy, &fail), 0);
        auto_free char *again = text_of(copy, VIR_DOMAIN_XML_INACTIVE);
        assert_string_equal(text, again);
    }
}

static void a_variable_clock_is_kept_against_utc_while_the_guest_runs(void **state)
{
    (void)state;
    auto_domain struct domain *d = accept("<clock offset='variable' adjustment='-60' basis='localtime'/>", "");
    domain_settle_clock(d, 7200);
    d->clock.adjustment += 5; /* its guest has set it */
    auto_domain struct domain *copy = NULL;
    assert_int_equal(domain_copy(d, &copy, &fail), 0);
    assert_int_equal(copy->clock.adjustment, 7145);
    assert_int_equal(copy->clock.adjustment_at_start, 7140);
    auto_free char *text = text_of(copy, VIR_DOMAIN_XML_MIGRATABLE);
    assert_non_null(strstr(text, "<clock offset='variable' adjustment='7145' basis='utc'/>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_guests_document_has_what_is_live),
        cmocka_unit_test(no_other_document_has_it),
        cmocka_unit_test(a_live_document_is_taken_as_live_only_where_it_is_ours),
        cmocka_unit_test(only_a_channels_path_can_be_generated),
        cmocka_unit_test(words_come_out_as_they_went_in),
        cmocka_unit_test(an_unknown_flag_is_refused),
        cmocka_unit_test(a_document_that_does_not_fit_is_an_error),
        cmocka_unit_test(an_empty_domain_can_be_copied_before_it_is_complete),
        cmocka_unit_test(no_label_is_what_a_guest_may_ask_for),
        cmocka_unit_test(clocks_are_written_as_libvirt_does),
        cmocka_unit_test(a_variable_clock_is_kept_against_utc_while_the_guest_runs),
    };
    return cmocka_run_group_tests_name("domain format", tests, NULL, NULL);
}
