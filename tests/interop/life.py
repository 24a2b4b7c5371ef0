"""What the tests of a guest's life have in common."""
import libvirt

from lib.runner import expect

BOTH = ["7.2", "10"]


def refused(call, code, sentence):
    """Calls; the libvirt error must have this code and hold this sentence."""
    try:
        call()
    except libvirt.libvirtError as error:
        expect(error.get_error_code(), code, f"error code of '{error}'")
        if sentence not in str(error):
            raise AssertionError(f"'{error}' does not say '{sentence}'") from error
        return
    raise AssertionError(f"was not refused: {sentence}")


def virsh_refuses(host, sentence, *arguments):
    done = host.virsh_try(*arguments)
    if done.returncode == 0 or sentence not in done.stderr:
        raise AssertionError(f"virsh {arguments}: status {done.returncode}: {done.stderr!r}, not '{sentence}'")


def one_host(case, qemu, **guest):
    host = case.batond().start()
    case.own(host.client)
    return host, case.tiny(qemu=qemu, **guest)


def only_qemu(host):
    pids = host.qemu_pids()
    expect(len(pids), 1, "QEMU processes")
    return pids[0]
