"""What the tests on real QEMU share, and the demo uses: hosts, guests, clients, a recorder of all that is told."""
