/* Start of day, traps and event upcalls of a 64-bit PV guest. */
    .file "entry.S"
#define NOTE(type, kind, value) \
    .balign 4; .long 4, 9f - 8f, type; .asciz "Xen"; 8: kind value; 9: .balign 4

.section .note.Xen, "a", @note
    NOTE(6,  .asciz, "xenarium-mini")              /* GUEST_OS */
    NOTE(7,  .asciz, "1")                          /* GUEST_VERSION */
    NOTE(5,  .asciz, "xen-3.0")                    /* XEN_VERSION */
    NOTE(3,  .quad,  VIRT_BASE)                    /* VIRT_BASE */
    NOTE(4,  .quad,  0)                            /* PADDR_OFFSET */
    NOTE(1,  .quad,  _start)                       /* ENTRY */
    NOTE(2,  .quad,  hypercall_page)               /* HYPERCALL_PAGE */
    NOTE(9,  .asciz, "yes")                        /* PAE_MODE */
    NOTE(8,  .asciz, "generic")                    /* LOADER */
    NOTE(14, .quad,  1)                            /* SUSPEND_CANCEL */

.section .hypercall, "ax"
.globl hypercall_page
.balign 4096
hypercall_page: .fill 4096, 1, 0xcc

.text
.globl _start
_start:
    cld
    leaq boot_stack_end(%rip), %rsp
    movq %rsi, %rdi
    xorl %ebp, %ebp
    call main
    ud2

/* A secondary vCPU starts here, with its number in rdi and the stack that its context has set. */
.globl vcpu_start
vcpu_start:
    xorl %ebp, %ebp
    call vcpu_main
    ud2

.macro save
    pushq %rdi; pushq %rsi; pushq %rdx; pushq %rax; pushq %r8; pushq %r9; pushq %r10
    pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15
.endm
.macro restore
    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx
    popq %r10; popq %r9; popq %r8; popq %rax; popq %rdx; popq %rsi; popq %rdi
.endm

/* Xen has pushed rcx, r11, rip, cs, rflags, rsp and ss, and has masked events. The way back is the iret hypercall. Its stub needs "flags" on top
 * of rip, and pushes rcx, r11 and rax itself. */
.globl event_entry
event_entry:
    popq %rcx
    popq %r11
    pushq $0
    pushq %r11
    pushq %rcx
    pushq $-1
    save
    movq %rsp, %rbx
    andq $-16, %rsp
    call events_dispatch
    movq %rbx, %rsp
    restore
    addq $8, %rsp
    popq %rcx
    popq %r11
    jmp hypercall_page + 23 * 32

.globl failsafe_entry
failsafe_entry:
    ud2

.macro trap vector, has_error
.balign 16
.if \has_error
    popq %rcx
    popq %r11
    pushq %r11
    pushq %rcx
.else
    popq %rcx
    popq %r11
    pushq $0
    pushq %r11
    pushq %rcx
.endif
    pushq $\vector
    jmp trap_common
.endm

.globl trap_entries
.balign 16
trap_entries:
    trap 0, 0
    trap 1, 0
    trap 2, 0
    trap 3, 0
    trap 4, 0
    trap 5, 0
    trap 6, 0
    trap 7, 0
    trap 8, 1
    trap 9, 0
    trap 10, 1
    trap 11, 1
    trap 12, 1
    trap 13, 1
    trap 14, 1
    trap 15, 0
    trap 16, 0
    trap 17, 1
    trap 18, 0
    trap 19, 0

.balign 16
trap_common:
    save
    movq %rsp, %rdi
    andq $-16, %rsp
    call trap
    ud2

.bss
.balign 4096
boot_stack: .skip 32768
boot_stack_end:

.section .note.GNU-stack, "", @progbits
