/** Files of the user's, read piece by piece: none is ever whole in memory. */

/**
 * Returns a file's name in a form that can stand in an xl.cfg and be read there. Characters that turn the direction of text, that are not visible, or
 * that would end a quoted string are left out.
 */
export function plainName(name: string): string {
  const plain = name.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}"'\\]/gu, "");
  return [...plain].slice(0, 255).join("") || "file";
}

/**
 * The bytes from one place to another, or to the file's end. Throws a sentence where they can't be had: the browser reads a file that was given to it as
 * long as nobody writes to it, and never a folder.
 */
export async function readPiece(file: File, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
  const end = Math.min(to, file.size);
  const bytes = await file
    .slice(from, end)
    .arrayBuffer()
    .then(
      (buffer) => new Uint8Array(buffer),
      () => null,
    );
  if (bytes?.length === Math.max(0, end - from)) return bytes;
  throw new Error(
    `${plainName(file.name)} can’t be read: it is a folder, or it was changed, moved or removed since it was given. Give it again.`,
  );
}
