/** Every IPC channel between window and main process, for both sides. */

/** Window to main: one message of the API (core/api/schema.ts, ClientMessage). */
export const TO_HOST = "xenarium:to-host";
/** Main to window: one message of the API (ServerMessage). */
export const FROM_HOST = "xenarium:from-host";
/** Window to main: how many messages of FROM_HOST it has taken since it said so last. */
export const TAKEN = "xenarium:taken";
/** Main to window: the session has ended, with a sentence. */
export const HOST_CLOSED = "xenarium:closed";

/** Window to main: its page takes files that the desktop opens. */
export const OPENS = "xenarium:opens";
/** Main to window: OpenedFile[], opened together. */
export const OPENED = "xenarium:opened";
/** A file's contents, or a sentence why they can't be had. */
export type OpenedFile = { name: string; bytes: Uint8Array } | { name: string; reason: string };

/** The application's own scheme and origin: no file:// page, no page from elsewhere. */
export const APP_SCHEME = "xenarium";
export const APP_ORIGIN = `${APP_SCHEME}://app`;
