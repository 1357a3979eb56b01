/* Entries that mini's entry (assets/guests/mini/entry.S) does not have: SYSCALL from user mode, and the place to which the tests of iret return. */
.text
.globl syscall_entry
syscall_entry:
    andq $-16, %rsp
    call came_by_syscall
    ud2

/* The guest is in kernel mode again after an iret to this place. */
.globl returned_entry
returned_entry:
    andq $-16, %rsp
    call came_by_iret
    ud2

/* What user mode executes: one SYSCALL. It lies in a kernel page, which is a user page too, as all pages of a PV guest are. */
.globl user_code
user_code:
    syscall
    ud2

/* The handler of the one software interrupt that is allowed. */
.globl int_entry
int_entry:
    andq $-16, %rsp
    call came_by_int
    ud2

.section .note.GNU-stack, "", @progbits
