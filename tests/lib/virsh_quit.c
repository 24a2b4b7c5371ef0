/* virsh_quit.c - loaded into virsh by LD_PRELOAD: it hears that its job is over, also when that comes very early.
 *
 * `virsh migrate` has a thread that makes the call and ends the main loop when it is answered; GLib forgets the end of a
 * loop that does not run yet. So a virsh that is refused at once, on a busy machine, waits for ever, with its thread gone
 * and the answer in its hands (virsh 9.0: one of some three hundred there). Here the order is kept until the loop runs.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

struct context;
struct loop;
struct source;

int g_main_loop_is_running(struct loop *loop);
struct context *g_main_loop_get_context(struct loop *loop);
struct source *g_idle_source_new(void);
void g_source_set_callback(struct source *source, int (*function)(void *), void *userdata, void (*destroy)(void *));
unsigned g_source_attach(struct source *source, struct context *context);
void g_source_unref(struct source *source);
void g_main_loop_quit(struct loop *loop);

static int quit(void *loop)
{
    void *symbol = dlsym(RTLD_NEXT, "g_main_loop_quit");
    void (*real)(struct loop *);
    memcpy(&real, &symbol, sizeof(real));
    real(loop);
    return 0; /* once */
}

void g_main_loop_quit(struct loop *loop)
{
    if (g_main_loop_is_running(loop)) {
        quit(loop);
        return;
    }
    struct source *source = g_idle_source_new();
    g_source_set_callback(source, quit, loop, NULL);
    g_source_attach(source, g_main_loop_get_context(loop));
    g_source_unref(source);
}
