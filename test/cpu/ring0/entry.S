/* The kernel's assembly code: its entry, the stubs of exceptions, and the pieces of code that are tried. It is loaded at 1 MiB by multiboot and
 * entered in flat 32-bit mode. */
    .intel_syntax noprefix
    .section .head, "ax"
    .code32
head:
    .long 0x1BADB002, 0x10000, -(0x1BADB002 + 0x10000), head, 0x100000, 0, end_of_kernel, _start
    .globl _start
_start:
    mov esp, offset boot_stack
    cld
    call main
    mov al, 1
    out 0xf4, al
1:  hlt
    jmp 1b

    .text
/* int attempt(void (*code)(void)) returns 1 if the code came back, and 0 if it ended in an exception (finish()). */
    .globl attempt
attempt:
    push ebp
    push ebx
    push esi
    push edi
    mov kept_esp, esp
    call [esp + 20]
    mov eax, 1
done:
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret
/* Goes from an exception or a call back to attempt(), in any segments and at any level. The caller is flat code in ring 0. */
    .globl finish
finish:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov fs, ax
    mov gs, ax
    mov esp, kept_esp
    push 2
    popfd
    xor eax, eax
    jmp done

    .macro stub number, error
vector_\number:
    .if \error == 0
    push 0
    .endif
    push \number
    jmp common
    .endm
    .altmacro
    .set n, 0
    .rept 32
    .if n == 8 || n == 10 || n == 11 || n == 12 || n == 13 || n == 14 || n == 17
    stub %n, 1
    .else
    stub %n, 0
    .endif
    .set n, n + 1
    .endr
    stub 64, 0
    stub 65, 0
common:
    pushad
    push ds
    push es
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    push esp
    call exception
    /* Back into the code that was interrupted. */
    add esp, 4
    pop es
    pop ds
    popad
    add esp, 8
    iretd

    .data
    .globl vectors
vectors:
    .macro entry number
    .long vector_\number
    .endm
    .set n, 0
    .rept 32
    entry %n
    .set n, n + 1
    .endr
    .long vector_64, vector_65
    .globl kept_esp
kept_esp: .long 0
    .text

/* ---- what is tried in ring 0 ---- */
    .macro try name
    .globl try_\name
try_\name:
    .endm
    try divide
    xor edx, edx
    xor ecx, ecx
    div ecx
    ret
    try int3
    int3
    ret
    try into
    mov al, 0x7f
    add al, 1
    into
    ret
    try bound
    mov eax, 9
    bound eax, limits
    ret
    try ud2
    ud2
    try fpu
    mov eax, cr0
    or eax, 8
    mov cr0, eax
    fld1
    ret
    try int_beyond
    int 0x90
    ret
    try int_64
    int 64
    ret
    try null_ss
    xor eax, eax
    mov ss, ax
    ret
    .globl selector
    try load_ds
    mov ax, selector
    mov ds, ax
    mov ax, 0x10
    mov ds, ax
    ret
    try load_ss
    mov ax, selector
    mov ss, ax
    mov ax, 0x10
    mov ss, ax
    ret
    try load_ldt
    mov ax, selector
    lldt ax
    ret
    try load_tr
    mov ax, selector
    ltr ax
    ret
    .globl far_pointer
    try far_jump
    mov dword ptr far_pointer, offset 1f
    jmp fword ptr far_pointer
1:  jmp finish_quietly
    try far_call
    mov dword ptr far_pointer, offset 1f
    call fword ptr far_pointer
    ret
1:  mov eax, [esp + 4]
    mov seen, eax
    retf
finish_quietly:
    ret
    .globl gate_target
gate_target:
    mov seen, cs
    retf
    .globl gate_target_params
/* Called from ring 3 with two parameters: prints the stack that it sees, returns, and releases the parameters. */
gate_target_params:
    push eax
    push ds
    mov ax, 0x10
    mov ds, ax
    mov eax, [esp + 16]
    mov seen, eax
    mov eax, [esp + 20]
    mov seen + 4, eax
    mov eax, [esp + 24]
    mov seen + 8, eax
    mov eax, [esp + 28]
    mov seen + 12, eax
    pop ds
    pop eax
    retf 8

    .globl control
    try write_cr0
    mov eax, control
    mov cr0, eax
    ret
    try write_cr4
    mov eax, control
    mov cr4, eax
    ret
    try write_efer
    mov ecx, 0xc0000080
    mov eax, control
    xor edx, edx
    wrmsr
    ret
    try read
    mov eax, control
    mov eax, [eax]
    mov seen, eax
    ret
    try write
    mov eax, control
    mov dword ptr [eax], 0xc3c3c3c3
    ret
    try execute
    mov eax, control
    call eax
    ret
    try trace
    pushfd
    or dword ptr [esp], 0x100
    popfd
    nop
    mov eax, 5
    push eax
    pop ecx
    pushfd
    and dword ptr [esp], ~0x100
    popfd
    ret
    try watched
    mov eax, watched_data
    mov watched_data, eax
    nop
    inc byte ptr watched_data + 1
    nop
    .globl watched_code
watched_code:
    nop
    ret

/* ---- ring 3, entered by IRET at `user_entry` ---- */
    .globl enter_user
enter_user:
    mov ax, 0x3b
    mov ds, ax
    mov es, ax
    push 0x3b
    push offset user_stack
    push dword ptr user_flags
    push 0x33
    push dword ptr user_entry
    iretd
    .macro user name
    .globl user_\name
user_\name:
    .endm
    user cli
    cli
    int 65
    user hlt
    hlt
    user in
    mov dx, user_port
    in al, dx
    int 65
    user out
    mov dx, user_port
    out dx, al
    int 65
    user cr0
    mov eax, cr0
    user rdmsr
    rdmsr
    user lgdt
    lgdt limits
    user int_64
    int 64
    user int_65
    int 65
    user popf
    push 0x3202
    popfd
    pushfd
    pop eax
    int 65
    user gate
    push 0x1111
    push 0x2222
    call fword ptr far_pointer
    int 65
    user sysenter
    sysenter
    user load
    mov ax, user_selector
    mov fs, ax
    int 65
    user kernel_data
    mov eax, [0x100000]
    int 65

/* ---- tasks ---- */
    try task_call
    call fword ptr far_pointer
    ret
    try task_jump
    jmp fword ptr far_pointer
    ret
    .globl task_code
task_code:
    mov seen + 4, esp
    str ax
    mov seen, ax
    mov ecx, 0x77777777
    iretd
    jmp task_code
    .globl task_jump_code
task_jump_code:
    str ax
    mov seen, ax
    mov word ptr far_pointer + 4, 0x40
    jmp fword ptr far_pointer

/* ---- virtual-8086 mode: code copied below 64 KiB ---- */
    .globl enter_virtual
enter_virtual:
    push 0x5555
    push 0x4444
    push 0x3333
    push 0x2222
    push 0x900
    push 0xff0
    push dword ptr user_flags
    push 0x800
    push 0
    iretd
    .code16
    .macro virtual name
    .globl virtual_\name
    .p2align 2
virtual_\name:
    .endm
    virtual int
    mov ax, ds
    mov bx, es
    int 65
    virtual cli
    cli
    int 65
    virtual pushf
    pushf
    pop cx
    int 65
    virtual arpl
    arpl ax, ax
    int 65
    virtual segments
    mov ax, 0x1234
    mov es, ax
    push cs
    pop ds
    mov cx, ds
    mov dx, es
    int 65
    virtual far
    .byte 0x9a
    .word 0x0a, 0x800
    int 65
    .org virtual_far + 10
    mov bp, sp
    mov si, [bp]
    mov di, [bp + 2]
    int 65
    virtual iret
    .byte 0x68
    .word 0x3202
    .byte 0x68
    .word 0x800
    .byte 0x68
    .word 0x0d
    iret
    nop
    .org virtual_iret + 13
    int 65
    virtual port
    mov dx, 0x3f8
    in al, dx
    int 65
    .globl virtual_end
virtual_end:

/* ---- real mode, by way of 16-bit protected mode: `real_code` is copied to 0x9000 ---- */
    .code32
    .globl go_real
go_real:
    pushad
    mov kept_real, esp
    jmp 0x20:0x9000
    .globl from_real
from_real:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov fs, ax
    mov gs, ax
    mov esp, kept_real
    popad
    lidt idt_pointer
    ret
    .data
kept_real: .long 0
    .text
    .code16
    .globl real_code
real_code:
    mov ax, 0x28
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, cr0
    and al, 0xfe
    mov cr0, eax
    ljmp 0x900, (1f - real_code)
1:  xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7000
    lidt [0x8ff0]
    mov ax, 0x8800
    mov es, ax
    xor di, di
    /* An interrupt that counts, a division that fails, far calls, and segment arithmetic. (TCG checks no limits, so no limit is exceeded here.) */
    int 0x21
    mov es:[di], cx
    mov es:[di + 2], sp
    xor dx, dx
    xor bx, bx
    div bx
    mov es:[di + 4], bp
    mov ax, 0x1234
    mov fs, ax
    mov es:[di + 6], fs
    smsw ax
    mov es:[di + 8], ax
    pushf
    pop ax
    mov es:[di + 10], ax
    push 0x7202
    popf
    pushf
    pop ax
    mov es:[di + 12], ax
    push 2
    popf
    mov es:[di + 14], bp
    lcall 0x900, (2f - real_code)
    mov es:[di + 16], ax
    mov eax, 0x12345678
    mov es:[di + 20], eax
    push cs
    pop ax
    mov es:[di + 24], ax
    /* Goes back. */
    cli
    mov eax, cr0
    or al, 1
    mov cr0, eax
    data32 ljmp 8, from_real
2:  mov bp, sp
    mov ax, [bp + 2]
    retf
    .globl real_int21
real_int21:
    mov bp, sp
    mov cx, [bp + 4]
    iret
    .globl real_fault
real_fault:
    /* #DE and #GP push no error code in real mode. This steps over the two bytes of the instruction. */
    mov bp, sp
    add word ptr [bp], 2
    mov bp, [bp]
    iret
    .globl real_end
real_end:
    .code32

/* ---- long mode: `long_main` runs in 64-bit code and comes back to 32-bit code with paging off ---- */
    .globl go_long
go_long:
    pushad
    mov kept_real, esp
    mov eax, cr4
    or eax, 0x20
    mov cr4, eax
    mov eax, offset long_root
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x101
    wrmsr
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    lidt long_idt_pointer
    jmp 0x18:long_start
back_from_long:
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    mov ecx, 0xc0000080
    rdmsr
    and eax, ~0x101
    wrmsr
    mov eax, cr4
    and eax, ~0x20
    mov cr4, eax
    jmp from_real

    .code64
    .macro step name
    lea rax, [rip + 7f]
    mov [rip + long_resume], rax
    mov [rip + long_rsp], rsp
    .endm
    .macro over
7:
    .endm
    .globl long_start
long_start:
    mov ax, 0x10
    mov ss, ax
    mov ds, ax
    lea rsp, [rip + boot_stack - 4096]
    mov ecx, 0xc0000080
    rdmsr
    mov edi, 1
    mov esi, eax
    call long_say
    step
    mov rax, 0x8000000000000000
    mov rax, [rax]
    over
    step
    mov rax, 0x800000
    mov byte ptr [rax], 1
    over
    step
    int 3
    over
    step
    .byte 0x06
    over
    step
    mov ax, [rip + selector]
    mov ds, ax
    over
    step
    xor eax, eax
    mov ss, ax
    mov edi, 2
    mov esi, ss
    call long_say
    over
    mov ax, 0x10
    mov ss, ax
    mov ds, ax
    step
    int 64
    over
    /* SYSCALL from ring 0 goes to LSTAR. The kernel returns to ring 3 by SYSRETQ, and ring 3 comes back by INT 65. */
    mov ecx, 0xc0000081
    xor eax, eax
    mov edx, 0x00230018
    wrmsr
    mov ecx, 0xc0000082
    lea rax, [rip + long_syscall]
    xor edx, edx
    wrmsr
    mov ecx, 0xc0000084
    mov eax, 0x200
    xor edx, edx
    wrmsr
    step
    lea rcx, [rip + long_user]
    mov r11, 0x202
    sysretq
    over
    step
    /* Compatibility mode in ring 3. */
    push 0x3b
    lea rax, [rip + user_stack]
    push rax
    push 0x202
    push 0x33
    lea rax, [rip + compat_user]
    push rax
    iretq
    over
    step
    push 0x0f
    lea rax, [rip + long_user]
    push rax
    retfq
    over
    /* A call gate has 16 bytes. */
    step
    call fword ptr [rip + long_gate_pointer]
    mov edi, 7
    mov esi, eax
    call long_say
    over
    /* NT and IRET. */
    step
    pushfq
    or qword ptr [rsp], 0x4000
    popfq
    iretq
    over
    pushfq
    and qword ptr [rsp], ~0x4000
    popfq
    push 8
    lea rax, [rip + back_from_long]
    push rax
    retfq

    .globl long_gate_target
long_gate_target:
    mov eax, cs
    retfq
long_syscall:
    mov r12, rcx
    mov r13, r11
    mov edi, 4
    mov esi, ecx
    call long_say
    mov edi, 5
    mov esi, r11d
    call long_say
    mov edi, 6
    mov esi, cs
    shl esi, 16
    mov si, ss
    call long_say
    mov rcx, r12
    mov r11, r13
    sysretq
long_user:
    lea rsp, [rip + user_stack]
    syscall
    mov eax, ss
    shl eax, 16
    mov ax, cs
    int 65
    .code32
compat_user:
    mov eax, 0x80000000
    inc eax
    push eax
    pop edx
    mov ecx, cs
    int 65
    .code64
/* void long_say(number, value): prints through the buffer of the 32-bit printer. */
long_say:
    push rax
    push rbx
    mov rbx, [rip + long_log]
    mov [rbx], edi
    mov [rbx + 4], esi
    add qword ptr [rip + long_log], 8
    pop rbx
    pop rax
    ret
    .macro lstub number, error
    .p2align 4
    .if \error == 0
    push 0
    .endif
    push \number
    jmp long_common
    .endm
    .p2align 4
    .globl long_stubs
long_stubs:
    .set n, 0
    .rept 32
    .if n == 8 || n == 10 || n == 11 || n == 12 || n == 13 || n == 14 || n == 17
    lstub %n, 1
    .else
    lstub %n, 0
    .endif
    .set n, n + 1
    .endr
    lstub 64, 0
    lstub 65, 0
long_common:
    push rax
    mov edi, 0x100
    mov esi, [rsp + 8]
    call long_say
    mov edi, 0x101
    mov esi, [rsp + 16]
    call long_say
    mov edi, 0x102
    mov esi, [rsp + 24]
    call long_say
    mov edi, 0x103
    mov esi, [rsp + 32]
    call long_say
    mov edi, 0x104
    mov esi, [rsp + 40]
    and esi, ~0x10000
    call long_say
    mov edi, 0x105
    mov esi, [rsp + 48]
    call long_say
    mov edi, 0x106
    mov esi, [rsp + 56]
    call long_say
    mov edi, 0x107
    mov rsi, cr2
    call long_say
    mov edi, 0x108
    mov rsi, [rsp]
    call long_say
    mov edi, 0x109
    mov esi, ss
    call long_say
    mov edi, 0x10a
    mov esi, esp
    call long_say
    mov rsp, [rip + long_rsp]
    mov ax, 0x10
    mov ss, ax
    mov ds, ax
    jmp qword ptr [rip + long_resume]

    .data
    .globl limits, seen, user_flags, user_entry, user_port, user_selector, watched_data, long_log, long_resume, long_rsp, idt_pointer, long_idt_pointer
    .globl long_gate_pointer
    .p2align 3
limits: .long 1, 8
seen: .long 0, 0, 0, 0
user_flags: .long 0x202
user_entry: .long 0
control: .long 0
selector: .word 0, 0
far_pointer: .long 0
    .word 0, 0
user_port: .word 0
user_selector: .word 0
watched_data: .long 0
    .p2align 3
long_log: .quad 0
long_resume: .quad 0
long_rsp: .quad 0
long_gate_pointer: .long 0
    .word 0x70, 0
idt_pointer: .word 0x7ff
    .long 0
    .p2align 3
long_idt_pointer: .word 0xfff
    .long 0

    .bss
    .globl boot_stack, user_stack, long_root
    .p2align 12
long_root: .skip 4096
    .skip 16384
boot_stack:
    .skip 4096
user_stack:
