/*
 * Entry of the tiny guest: a multiboot kernel, loaded at 1 MiB by QEMU's -kernel.
 *
 * The loader leaves us in 32-bit protected mode without paging and with a GDT that may be gone, so
 * the first thing is a flat GDT of our own. The only interrupt that is ever let through is IRQ 0.
 */
        .set MAGIC, 0x1badb002
        .set FLAGS, 0

        .section .multiboot, "a"
        .align 4
        .long MAGIC, FLAGS, -(MAGIC + FLAGS)

        .section .text
        .globl start
start:
        cli
        cld
        lgdt gdt_pointer
        ljmp $0x08, $1f
1:      mov $0x10, %ax
        mov %ax, %ds
        mov %ax, %es
        mov %ax, %fs
        mov %ax, %gs
        mov %ax, %ss
        mov $stack_top, %esp
        push %ebx                       /* the multiboot information, argument of guest_main */
        mov $bss_start, %edi
        mov $bss_end, %ecx
        sub %edi, %ecx
        xor %eax, %eax
        rep stosb
        call guest_main
2:      hlt
        jmp 2b

        .globl irq0_entry
irq0_entry:
        pusha
        cld
        call clock_tick
        mov $0x20, %al                  /* end of interrupt */
        out %al, $0x20
        popa
        iret

        .globl triple_fault
triple_fault:
        lidt no_idt
        int3

        .section .rodata
        .align 8
gdt:    .quad 0
        .quad 0x00cf9a000000ffff        /* 0x08: flat code */
        .quad 0x00cf92000000ffff        /* 0x10: flat data */
gdt_pointer:
        .word . - gdt - 1
        .long gdt
no_idt: .word 0
        .long 0

/* Between program text and .bss, so that clearing the latter leaves it alone. */
        .section .stack, "aw", @nobits
        .align 16
        .skip 8192
stack_top:
        .section .note.GNU-stack, "", @progbits
