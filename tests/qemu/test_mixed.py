"""A QEMU of one version on the source, of the other on the destination: each end follows its own order of events."""
import os

from lib.move import PRE_COPY, end_guest, post_copy_events
from lib.runner import expect, test
from moving import SLOW, running_guest

OTHER = {"7.2": "10", "10": "7.2"}


@test(source=["7.2", "10"], pbs=[1, 0], way=["pre-copy", "post-copy"])
def between_versions(case, source, pbs, way):
    """The guest's machine is one that both know. postcopy-preempt, which only one has, is agreed to be off."""
    pair, guest, move = running_guest(case, source, pause_before_switchover=pbs)
    text = pair.a.virsh("dumpxml", "--migratable", guest.name)
    here, there = case.emulator(source), case.emulator(OTHER[source])
    assert here in text, text
    document = os.path.join(case.folder, "there.xml")
    with open(document, "w", encoding="utf-8") as f:
        f.write(text.replace(here, there))
    if way == "pre-copy":
        move.run("--xml", document)
    else:
        move.start("--xml", document, "--postcopy", *SLOW)
        move.wait_pass()
        answer = pair.a.virsh("qemu-monitor-command", guest.name, '{"execute":"query-migrate-capabilities"}')
        assert '{"state":true,"capability":"postcopy-preempt"}' not in answer, answer
        pair.a.virsh("migrate-postcopy", guest.name)
        move.finish()
    move.expect_events(PRE_COPY if way == "pre-copy" else post_copy_events(source, pbs))
    move.expect_states("SHUTOFF/MIGRATED", "RUNNING/MIGRATED")
    expect(there in pair.b.virsh("dumpxml", guest.name), True, "the other emulator")
    move.expect_intact()
    end_guest(pair, guest)
