/**
 * Lets others have their turn of this thread's event loop while images are read whose blocks are nowhere in their files. Nothing waits for the operating
 * system then, and whoever made the image decides how small its blocks are.
 */

/** What all images together may do in one turn: so many blocks, of which one counts as one more for each so many bytes of it. */
const STEPS_PER_TURN = 512;
const BYTES_PER_STEP = 64 << 10;

let left = STEPS_PER_TURN;

/** Resolves when so many bytes may be filled without more ado. */
export async function takeStep(bytes: number): Promise<void> {
  while (left <= 0) await new Promise(setImmediate);
  if (left === STEPS_PER_TURN) setImmediate(() => (left = STEPS_PER_TURN));
  left -= 1 + Math.floor(bytes / BYTES_PER_STEP);
}
