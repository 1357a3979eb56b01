/*
 * The beginning of a PVH kernel: protected mode without paging, with EBX at hvm_start_info. It reports that by console_io, makes page tables, goes to
 * long mode and calls C. The other vCPUs get there in the same way from real mode (ap_start, copied below 1 MiB).
 */
#define STACK_SIZE 16384
    .section .note.Xen, "a", @note
    .align 4
    .long 4, 4, 18
    .asciz "Xen"
    .long start32

    .section .text.entry, "ax"
    .code32
    .globl start32
start32:
    cld
    movl $stacks + STACK_SIZE, %esp
    movl %ebx, start_info_at
    movl %cr0, %eax
    movl %eax, entry_cr0
    # console_io(CONSOLEIO_write, length, text): EAX 18, EBX ECX EDX
    movl $18, %eax
    xorl %ebx, %ebx
    movl $hello_end - hello, %ecx
    movl $hello, %edx
    vmcall
    movl %eax, hello_result
    # xen_version(XENVER_platform_parameters, address): of 32-bit code 4 bytes
    movl $17, %eax
    movl $5, %ebx
    movl $parameters32, %ecx
    vmcall
    # The first GiB in pages of 2 MiB, and the fourth, where the local APIC is.
    movl $pdpt + 7, pml4
    movl $pd0 + 7, pdpt
    movl $pd3 + 7, pdpt + 3 * 8
    xorl %ecx, %ecx
1:  movl %ecx, %eax
    shll $21, %eax
    orl $0x87, %eax
    movl %eax, pd0(, %ecx, 8)
    addl $0xc0000000, %eax
    movl %eax, pd3(, %ecx, 8)
    incl %ecx
    cmpl $512, %ecx
    jne 1b
    .globl to_long
to_long:
    movl $pml4, %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x6a0, %eax            # PAE PGE OSFXSR OSXMMEXCPT
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x901, %eax            # SCE LME NXE
    wrmsr
    movl %cr0, %eax
    orl $0x80010000, %eax       # PG WP
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $8, $long_mode

    .code64
long_mode:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    # Which one is this? Its stack is where the others' are not.
    movl $1, %eax
    lock xaddl %eax, vcpus_up
    movl %eax, %edi
    incl %eax
    imull $STACK_SIZE, %eax
    addl $stacks, %eax
    movl %eax, %esp
    movl %esp, %esp
    call begin
2:  hlt
    jmp 2b

    # s32 hypercall32(u32 number, u32 a, u32 b): by compatibility mode and back. Stack and code lie below 4 GiB.
    .globl hypercall32
hypercall32:
    pushq %rbx
    movl %edi, %eax
    movl %esi, %ebx
    movl %edx, %ecx
    pushq $24
    leaq 1f(%rip), %rdx
    pushq %rdx
    lretq
    .code32
1:  vmcall
    ljmp $8, $2f
    .code64
2:  popq %rbx
    ret

    # Handlers: vector and error code on the stack, then common.
    .altmacro
    .macro vector n
vector_\n:
    .if \n != 8 && \n != 10 && \n != 11 && \n != 12 && \n != 13 && \n != 14 && \n != 17
    pushq $0
    .endif
    pushq $\n
    jmp common
    .endm
    .macro address n
    .quad vector_\n
    .endm
    .set i, 0
    .rept 256
    vector %i
    .set i, i + 1
    .endr
common:
    pushq %rax; pushq %rcx; pushq %rdx; pushq %rbx; pushq %rbp; pushq %rsi; pushq %rdi
    pushq %r8; pushq %r9; pushq %r10; pushq %r11; pushq %r12; pushq %r13; pushq %r14; pushq %r15
    movq %rsp, %rdi
    cld
    call trap
    popq %r15; popq %r14; popq %r13; popq %r12; popq %r11; popq %r10; popq %r9; popq %r8
    popq %rdi; popq %rsi; popq %rbp; popq %rbx; popq %rdx; popq %rcx; popq %rax
    addq $16, %rsp
    iretq

    # Real mode, at the beginning of a page: to protected mode, then as the first one.
    .globl ap_start, ap_result, ap_end
    .code16
ap_start:
    cli
    movw %cs, %ax
    movw %ax, %ds
    # A hypercall from real mode, xen_version(0), and what it says.
    movl $17, %eax
    xorl %ebx, %ebx
    vmcall
    movl %eax, ap_result - ap_start
    lgdtl ap_gdt - ap_start
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $24, $ap32
ap_gdt: .word 31
    .long gdt
ap_result: .long 0
ap_end:
    # Real mode, at the beginning of page 7: executes WRMSR of the hypercall page, which TF traps onto a stack in page 6, again and again.
    .globl trapped_start, trapped_handler, trapped_end
    .code16
trapped_start:
    cli
trapped_handler:
    xorw %ax, %ax
    movw %ax, %ss
    movw $0x5ff0, %sp
    pushw $0x102
    pushw %cs
    pushw $(trapped_work - trapped_start)
    movl $0x40000000, %ecx
    xorl %edx, %edx
    movl $0x4000, %eax
    movw $0x100, %bx
    iretw
trapped_work:
    movw %bx, %ss
    wrmsr
    hlt
trapped_end:
    .code32
ap32:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    jmp to_long

    .section .rodata
hello: .ascii "PVH 32-bit entry\n"
hello_end:
    .globl vectors
    .align 8
vectors:
    .set i, 0
    .rept 256
    address %i
    .set i, i + 1
    .endr

    .data
    .align 8
    .globl gdt, gdt_pointer
gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
gdt_pointer: .word 31
    .long gdt, 0
    .globl start_info_at, entry_cr0, hello_result, parameters32, vcpus_up
start_info_at: .long 0
entry_cr0: .long 0
hello_result: .long -1
parameters32: .long 0x5a5a5a5a, 0x5a5a5a5a
vcpus_up: .long 0

    .globl stacks, pdpt
    .bss
    .align 4096
pml4: .skip 4096
pdpt: .skip 4096
pd0: .skip 4096
pd3: .skip 4096
stacks: .skip STACK_SIZE * 9
