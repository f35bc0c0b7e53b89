/* void rs_switch_stack(void **save_sp, void *to_sp): what the System V ABI has a callee keep goes onto the old stack, and
 * comes back from the new one. The control words of the floating-point units are left alone: nothing under test sets
 * them. A jump instead of a return: the processor predicts returns by calls, and this one belongs to no call of its own. */
    .text
    .globl rs_switch_stack
    .hidden rs_switch_stack
    .type rs_switch_stack, @function
    .p2align 4
rs_switch_stack:
    .cfi_startproc
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmp *%rcx
    .cfi_endproc
    .size rs_switch_stack, .-rs_switch_stack

/* The first frame of a fiber: calls the function in rbx and stops unwinders, since it has no caller. */
    .globl rs_first_frame
    .hidden rs_first_frame
    .type rs_first_frame, @function
    .p2align 4
rs_first_frame:
    .cfi_startproc
    .cfi_undefined rip
    xorl %ebp, %ebp
    callq *%rbx
    ud2
    .cfi_endproc
    .size rs_first_frame, .-rs_first_frame
    .section .note.GNU-stack, "", @progbits
