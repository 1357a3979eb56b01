/** Limits of the management API that both sides know. */

/** Bytes of one file, and of all files that a session may keep at the server. */
export const MOST_FILE_BYTES = 512 * 1024 * 1024;
export const MOST_SESSION_BYTES = 1024 * 1024 * 1024;
/** Bytes of one chunk of a file, and of any message. */
export const MOST_CHUNK_BYTES = 1024 * 1024;
export const MOST_SNIFF_BYTES = 64 * 1024;
export const MOST_MESSAGE_BYTES = 2 * 1024 * 1024;
export const MOST_CONSOLE_INPUT_BYTES = 64 * 1024;
export const MOST_CONFIG_CHARACTERS = 64 * 1024;
export const HOST_MEMORY_MIB = { least: 128, most: 3584 };
export const MOST_PCPUS = 32;
/** The number of domains that a session may trace at once, and of records in one `trace` event. */
export const MOST_TRACES = 16;
export const MOST_TRACE_RECORDS = 2048;
/** Bytes of a domain's memory in one answer. */
export const MOST_MEMORY_BYTES = 4096;
/** Bytes of one piece of an image or a capture. */
export const MOST_PIECE_BYTES = 1024 * 1024;
