/* void rs_switch_stack(void **save_sp, void *to_sp): x19-x30 and d8-d15 are what the ABI has a callee keep. */
    .text
    .globl rs_switch_stack
    .hidden rs_switch_stack
    .type rs_switch_stack, %function
    .p2align 4
rs_switch_stack:
    .cfi_startproc
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .cfi_endproc
    .size rs_switch_stack, .-rs_switch_stack

/* The first frame of a fiber: calls the function in x19 and stops unwinders, since it has no caller. */
    .globl rs_first_frame
    .hidden rs_first_frame
    .type rs_first_frame, %function
    .p2align 4
rs_first_frame:
    .cfi_startproc
    .cfi_undefined x30
    mov x29, xzr
    blr x19
    brk #0
    .cfi_endproc
    .size rs_first_frame, .-rs_first_frame
    .section .note.GNU-stack, "", %progbits
