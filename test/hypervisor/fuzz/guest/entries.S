/* Ways in that mini's entry (assets/guests/mini/entry.S) has not: SYSCALL from user mode, and the place that iret games return to. */
.text
.globl syscall_entry
syscall_entry:
    andq $-16, %rsp
    call came_by_syscall
    ud2

/* Kernel mode again after an iret to here. */
.globl returned_entry
returned_entry:
    andq $-16, %rsp
    call came_by_iret
    ud2

/* What user mode does: one SYSCALL. It is in a kernel page: those are user pages too, as all of a PV guest's. */
.globl user_code
user_code:
    syscall
    ud2

/* The software interrupt that is allowed. */
.globl int_entry
int_entry:
    andq $-16, %rsp
    call came_by_int
    ud2

/* An instruction of up to four bytes that another vCPU may be changing, then back: see code.c. */
.section .note.GNU-stack, "", @progbits
