/* resume(registers) goes back to what a trap has interrupted. mini's own traps end the guest, but the traps of an attacker may be part of the
 * attack. */
    .file "resume.S"
.text
.globl resume
resume:
    movq %rdi, %rsp
    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx
    popq %r10; popq %r9; popq %r8; popq %rax; popq %rdx; popq %rsi; popq %rdi
    addq $8, %rsp                                  /* vector */
    popq %rcx
    popq %r11
    movq $0, (%rsp)                                /* in the place of the error code: the flags of the iret hypercall */
    jmp hypercall_page + 23 * 32

.section .note.GNU-stack, "", @progbits
