/** public/io/protocols.h. */

/** The frontend's node `protocol`: the layout of its rings. */
export const XEN_IO_PROTO_ABI_X86_32 = "x86_32-abi";
export const XEN_IO_PROTO_ABI_X86_64 = "x86_64-abi";
