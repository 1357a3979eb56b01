/* The entries of the kernel. Each says which one it is and leaves the rest to trap_met(), which goes back to whoever tried the code. */
    .file "trap.S"
.text
.macro entry name, kind
.globl \name
\name:
    movq %rax, seen + 16(%rip)
    movl $\kind, %eax
    jmp met
.endm

.globl abi_traps
.balign 32
abi_traps:
.set vector, 0
.rept 32
.balign 32
    movq %rax, seen + 16(%rip)
    movl $vector, %eax
    jmp met
.set vector, vector + 1
.endr

    entry entry_failsafe, 0x20
    entry entry_syscall, 0x21
    entry entry_sysenter, 0x22
    entry entry_syscall32, 0x23
    entry entry_software, 0x24

met:
    movq %rax, seen(%rip)
    movq %rcx, seen + 16 + 8(%rip)
    movq %rdx, seen + 16 + 16(%rip)
    movq %rbx, seen + 16 + 24(%rip)
    movq %rsp, seen + 16 + 32(%rip)
    movq %rbp, seen + 16 + 40(%rip)
    movq %rsi, seen + 16 + 48(%rip)
    movq %rdi, seen + 16 + 56(%rip)
    movq %r8, seen + 16 + 64(%rip)
    movq %r11, seen + 16 + 88(%rip)
    movq %rsp, seen + 8(%rip)
    movq %rsp, %rdi
    movq attempt_rsp(%rip), %rsp
    testq %rsp, %rsp
    jz lost
    cld
    call trap_met
    movq seen(%rip), %rax
    jmp back
lost:
    leaq lost_stack_end(%rip), %rsp
    call trap_lost
    ud2

/* attempt(code, argument): what is needed to come back is kept below the caller's stack. */
.globl attempt
attempt:
    pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15
    pushq attempt_rsp(%rip)
    movq %rsp, attempt_rsp(%rip)
    movq $0xff, seen(%rip)
    movq %rdi, %rax
    movq %rsi, %rdi
    subq $4096, %rsp
    call *%rax
    movl $0xff, %eax
    movq attempt_rsp(%rip), %rsp
back:
    popq attempt_rsp(%rip)
    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx
    ret

/* do_iret(context): makes the hypercall with the whole structure on the stack. */
.globl do_iret
do_iret:
    movq %rdi, %rsp
    movl $23, %eax
    syscall
    ud2

/* go_on(context): does the same, but with the other registers as trap_met() saw them, so that the code that trapped goes on. */
.globl go_on
go_on:
    movq %rdi, %rsp
    movq seen + 16 + 16(%rip), %rdx
    movq seen + 16 + 24(%rip), %rbx
    movq seen + 16 + 40(%rip), %rbp
    movq seen + 16 + 48(%rip), %rsi
    movq seen + 16 + 56(%rip), %rdi
    movq seen + 16 + 64(%rip), %r8
    movl $23, %eax
    syscall
    ud2

.bss
.globl attempt_rsp
attempt_rsp: .skip 8
.balign 16
.skip 4096
lost_stack_end:
.skip 8192
.globl user_stack_top
user_stack_top:
.skip 64
.section .note.GNU-stack, "", @progbits
